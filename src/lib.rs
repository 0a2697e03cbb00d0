//! rootwalk: a recursive DNS resolver that can explain every answer it gives.
//!
//! The modules stand in the order in which a query meets them. Start reading at
//! [`serve`]: it tells the life of one query. `ARCHITECTURE.md` has the picture.

pub mod cache;
pub mod lab;
pub mod listen;
pub mod policy;
pub mod time;
pub mod wire;

pub mod cli;
pub mod config;
