//! A published language model on prompts, for comparison with other programs: `language MODEL TOKENS < prompts`, a prompt a line
//! with `\n` for a line end. For each a line of JSON: its tokens, the logits that follow it, the tokens and text that greedy
//! decoding gives.

use std::io::{BufRead, Write};
use std::path::Path;

use burn::prelude::*;
use omnimri_model::Borrowed;
use omnimri_model::language::KvCache;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path, limit] = arguments.as_slice() else {
        return Err("usage: language MODEL TOKENS < prompts".into());
    };
    let limit: usize = limit.parse()?;
    let device = Device::flex();
    let mut borrowed = Borrowed::open(Path::new(path))?;
    let model = borrowed.load(&device)?;
    let (known, tokenizer) = (borrowed.published_vocabulary(), &borrowed.tokenizer);
    for line in std::io::stdin().lock().lines() {
        let ids = tokenizer.encode(&line?.replace("\\n", "\n"))?;
        let mut cache = KvCache::default();
        let (mut first, mut found) = (Vec::new(), Vec::new());
        let mut input: Vec<i32> = ids.iter().map(|id| *id as i32).collect();
        while found.len() < limit {
            let n = input.len();
            let tokens = Tensor::<2, Int>::from_data(TensorData::new(input, [1, n]), &device);
            let hidden = model.forward(model.embed(tokens), Some(&mut cache));
            let [_, t, d] = hidden.dims();
            let logits = model.logits(hidden.slice([0..1, t - 1..t, 0..d]));
            let mut logits = logits.try_into_data()?.try_into_vec::<f32>()?;
            logits.truncate(known);
            let best = |b: (usize, f32), (i, v): (usize, &f32)| if *v > b.1 { (i, *v) } else { b };
            let (id, _) = logits.iter().enumerate().fold((0, f32::NEG_INFINITY), best);
            if first.is_empty() {
                first = logits;
            }
            found.push(id as u32);
            input = vec![id as i32];
        }
        let text = tokenizer.decode(&found)?;
        let line = serde_json::json!({"ids": ids, "logits": first, "found": found, "text": text});
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(())
}
