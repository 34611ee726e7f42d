//! tmp
fn main() { let a: Vec<String> = std::env::args().collect(); let c = omnimri_train::TrainConfig::read(a[1].as_ref()).unwrap(); println!("{:?}", omnimri_train::train(&c, a.len() > 2).unwrap()); }
