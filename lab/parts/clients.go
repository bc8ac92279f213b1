// Clients of every API server that a kubeconfig names, one context each: one writes and reads ConfigMaps all the time, one
// watches them as controllers do. What they saw is printed, one JSON object a line; SIGTERM ends them, and each watcher
// then says what it holds. A number and a context: so many watch there, all but the first what nobody writes. They lose their
// watch with that API server, and list and watch again, each by a connection of its own.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

const (
	namespace = "ledger"
	every     = 100 * time.Millisecond
	patience  = 2 * time.Second
)

// One thing that was seen through one API server.
type seen struct {
	At       int64    `json:"at"`
	Via      string   `json:"via"`
	Did      string   `json:"did"`
	Name     string   `json:"name,omitempty"`
	Revision string   `json:"revision,omitempty"`
	Took     int64    `json:"took,omitempty"`
	Error    string   `json:"error,omitempty"`
	Holds    []string `json:"holds,omitempty"`
}

var printing sync.Mutex

func (s seen) print() {
	printing.Lock()
	defer printing.Unlock()
	if s.At == 0 {
		s.At = time.Now().UnixMilli()
	}
	_ = json.NewEncoder(os.Stdout).Encode(s)
}

// The last name that any API server has acknowledged: whoever is asked for it afterwards must have it.
var acknowledged atomic.Value

func configured(kubeconfig, name string, limit time.Duration) (*rest.Config, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig},
		&clientcmd.ConfigOverrides{CurrentContext: name}).ClientConfig()
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	config.Timeout = limit
	return config, nil
}

func client(kubeconfig, name string, limit time.Duration) (kubernetes.Interface, error) {
	config, err := configured(kubeconfig, name, limit)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

func why(err error) string {
	switch reason := apierrors.ReasonForError(err); {
	case err == nil:
		return ""
	case reason != metav1.StatusReasonUnknown:
		return fmt.Sprintf("%s: %v", reason, err)
	default:
		return err.Error()
	}
}

// Names begin with the time, so that a second round of clients in the same cluster does not meet those of the first.
func write(ctx context.Context, via string, client kubernetes.Interface) {
	maps := client.CoreV1().ConfigMaps(namespace)
	round := time.Now().UnixMilli()
	for number := 1; ctx.Err() == nil; number++ {
		name := fmt.Sprintf("%s-%d-%d", via, round, number)
		body := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"via": via}}
		begun := time.Now()
		made, err := maps.Create(ctx, body, metav1.CreateOptions{})
		if ctx.Err() != nil {
			return
		}
		it := seen{Via: via, Did: "create", Name: name, Error: why(err), Took: time.Since(begun).Milliseconds()}
		if err == nil {
			it.Revision = made.ResourceVersion
			acknowledged.Store(name)
		}
		it.print()
		if last, known := acknowledged.Load().(string); known {
			found, err := maps.Get(ctx, last, metav1.GetOptions{})
			if ctx.Err() != nil {
				return
			}
			it := seen{Via: via, Did: "read", Name: last, Error: why(err)}
			if err == nil {
				it.Revision = found.ResourceVersion
			}
			it.print()
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}

func watch(ctx context.Context, via string, client kubernetes.Interface) cache.SharedIndexInformer {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
	informer := factory.Core().V1().ConfigMaps().Informer()
	tell := func(did string, object any) {
		if gone, unknown := object.(cache.DeletedFinalStateUnknown); unknown {
			object = gone.Obj
		}
		if it, is := object.(*corev1.ConfigMap); is {
			seen{Via: via, Did: did, Name: it.Name, Revision: it.ResourceVersion}.print()
		}
	}
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { tell("added", object) },
		UpdateFunc: func(_, object any) { tell("updated", object) },
		DeleteFunc: func(object any) { tell("deleted", object) },
	})
	_ = informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		seen{Via: via, Did: "unwatched", Error: why(err)}.print()
	})
	go informer.RunWithContext(ctx)
	return informer
}

// One more client that holds a watch.
func idle(ctx context.Context, kubeconfig, name string) error {
	config, err := configured(kubeconfig, name, 0)
	if err != nil {
		return err
	}
	// Connections are shared among those whose settings can be compared; a function cannot.
	config.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace("kube-public"))
	informer := factory.Core().V1().ConfigMaps().Informer()
	_ = informer.SetWatchErrorHandlerWithContext(func(context.Context, *cache.Reflector, error) {})
	go informer.RunWithContext(ctx)
	return nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "clients:", err)
	os.Exit(1)
}

func main() {
	watches, watched := 1, ""
	if len(os.Args) == 4 {
		watches, _ = strconv.Atoi(os.Args[2])
		watched = os.Args[3]
	}
	if len(os.Args) != 2 && len(os.Args) != 4 || watches < 1 {
		fail(fmt.Errorf("usage: clients KUBECONFIG [WATCHES CONTEXT]"))
	}
	// What the libraries would say of it themselves is among what is printed.
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	config, err := clientcmd.LoadFromFile(os.Args[1])
	if err != nil {
		fail(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	watchers := map[string]cache.SharedIndexInformer{}
	var writers sync.WaitGroup
	for via := range config.Contexts {
		writer, err := client(os.Args[1], via, patience)
		if err != nil {
			fail(err)
		}
		watcher, err := client(os.Args[1], via, 0)
		if err != nil {
			fail(err)
		}
		body := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		_, err = writer.CoreV1().Namespaces().Create(ctx, body, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			seen{Via: via, Did: "namespace", Error: why(err)}.print()
		}
		watchers[via] = watch(ctx, via, watcher)
		for number := 1; via == watched && number < watches; number++ {
			if err := idle(ctx, os.Args[1], via); err != nil {
				fail(err)
			}
		}
		writers.Go(func() { write(ctx, via, writer) })
	}
	<-ctx.Done()
	writers.Wait()
	for via, watcher := range watchers {
		names := watcher.GetStore().ListKeys()
		slices.Sort(names)
		seen{Via: via, Did: "holds", Holds: names, Revision: watcher.LastSyncResourceVersion()}.print()
	}
}
