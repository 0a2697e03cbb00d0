//! rootwalk: a recursive DNS resolver that can explain every answer it gives.
//!
//! Start reading at [`serve`], which tells the life of one query; `ARCHITECTURE.md` has the picture. The groups of
//! modules below stand in the order in which a query meets them.

pub mod http;
pub mod listen;
pub mod serve;

mod keyed;
pub mod time;
pub mod wire;

pub mod cache;
pub mod dnssec;
pub mod policy;

pub mod drive;
pub mod upstream;
pub mod walk;

mod sys;
pub mod tls;
pub mod upkeep;

pub use sys::Memory;

pub mod trace;

pub mod journey;

pub mod lab;

pub mod cli;
pub mod config;
pub mod run;
