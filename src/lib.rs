#![doc = include_str!("README.md")]

pub mod app;
pub mod cli;
pub mod config;
pub mod contract;
pub mod domain;
pub mod gateway;
pub mod http;
pub mod identity;
pub mod operator;
pub mod soap;
pub mod store;
pub mod telemetry;
