//! Tells Cargo that a new migration is a change: `sqlx::migrate!` cannot on stable Rust.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
