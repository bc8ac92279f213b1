# shellcheck shell=sh disable=SC2034,SC2154
# etcd's own process where it is no unit's main process: in a pod or a container. `data_dir` tells it from another etcd.
#
# `find_etcd` sets MainPID, 0 where there is none, and KubeletPID. A script that is called etcd has etcd's name and perhaps
# its settings: what it runs tells it apart. Within a container the directory may have another name.
find_etcd() {
  MainPID=0 KubeletPID=0
  for find_at in /proc/[0-9]*; do
    { read -r find_name <"$find_at/comm"; } 2>/dev/null || continue
    case $find_name in
    kubelet) KubeletPID=${find_at#/proc/} ;;
    etcd)
      case $(readlink "$find_at/exe" 2>/dev/null) in */etcd | *"/etcd (deleted)") ;; *) continue ;; esac
      own_words=" $(tr '\0' ' ' <"$find_at/cmdline" 2>/dev/null) "
      own_variables=$(tr '\0' '\n' <"$find_at/environ" 2>/dev/null | grep -E '^ETCD_(DATA_DIR|LISTEN_CLIENT_URLS)=') || :
      own data-dir ETCD_DATA_DIR
      [ -n "$own_value" ] || continue
      if [ "${own_value%/}" = "$data_dir" ] || [ "$find_at/root$own_value" -ef "$data_dir" ]; then
        MainPID=${find_at#/proc/} found_words=$own_words found_variables=$own_variables
      fi ;;
    esac
  done
}
# own FLAG VARIABLE: what the process was told, in `own_value`.
own() {
  case $own_words in
  *" -$1="* | *" --$1="*) own_value=${own_words##*"-$1="} own_value=${own_value%% *} ;;
  *" -$1 "* | *" --$1 "*) own_value=${own_words##*"-$1 "} own_value=${own_value%% *} ;;
  *) own_value=$(printf '%s\n' "$own_variables" | sed -n "s/^$2=//p" | tail -n 1) ;;
  esac
}
# After `find_etcd`: whether it is ready. etcd listens on its client port from the first moment, and takes a connection once it
# is ready: until then those that come wait in the kernel's queue, whose length stands where a socket's unread bytes do.
opened() {
  own_words=$found_words own_variables=$found_variables
  own listen-client-urls ETCD_LISTEN_CLIENT_URLS
  [ -n "$own_value" ] || return 0
  own_at=${own_value%%,*}; own_at=${own_at#*://}; own_at=${own_at%%/*}
  own_host=${own_at%:*}; own_host=${own_host#[}; own_host=${own_host%]}
  own_port=$(printf '%04X' "${own_at##*:}" 2>/dev/null) || return 0
  # shellcheck disable=SC2016 # expanded by the other shell
  timeout 0.5 bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$own_host" "${own_at##*:}" 2>/dev/null || return 1
  for own_try in 1 2 3 4 5 6 7 8 9 10; do
    cat "/proc/$MainPID/net/tcp" "/proc/$MainPID/net/tcp6" 2>/dev/null |
      grep -E ":$own_port [0-9A-F]*:0000 0A " | grep -qv ' 0A [0-9A-F]*:00000000 ' || return 0
    sleep 0.03
  done
  return 1
}
