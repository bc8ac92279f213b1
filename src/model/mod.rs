//! The words of the field as values: clusters, zones, masters, members, commands. Touches no file, host or clock.

pub mod cluster;
pub mod command;
pub mod control_plane;
pub mod diagnostic;
pub mod digest;
pub mod fields;
pub mod identity;
pub mod inventory;
pub mod json;
pub mod ledger;
pub mod measures;
pub mod name;
pub mod quorum;
pub mod size;
pub mod ssh_config;
pub mod supervisor;
pub mod unified;
pub mod url;
pub mod wal_dir;
pub mod yaml;

pub use cluster::{
    Become, ClientFiles, Cluster, Environment, EtcdSettings, Jump, Master, Objectives, Power, RecordAt, SshSettings,
    Zone,
};
pub use command::{Arg, Command, Output, Placeholder};
pub use control_plane::{ApiServerAt, Component, Program, StartedBy};
pub use identity::{ClusterId, MemberId, Token};
pub use name::{
    AbsPath, Address, ClusterName, ContainerName, MasterName, RETIRED, RunId, UnitName, UserName, ZoneName,
};
pub use size::Size;
pub use supervisor::{Container, StaticPod, Supervisor};
pub use url::Url;
pub use wal_dir::WalDir;
