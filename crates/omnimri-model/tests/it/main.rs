//! The same small published model as GGUF and as a Hugging Face folder: both are read, and are one model.

use std::collections::BTreeMap;
use std::path::Path;

use burn::prelude::*;
use burn::tensor::Tolerance;
use omnimri_model::Borrowed;
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};

const VOCABULARY: [&str; 5] = ["<|end|>", "a", "b", "ab", "Ġ"];
const WIDTH: usize = 16;
const HIDDEN: usize = 24;
const HEADS: usize = 4;
const KV: usize = 2;
const LAYERS: usize = 2;

/// Family of a file: Llama has no biases and a tied output here, Qwen2 has both biases and an output of its own.
#[derive(Clone, Copy, PartialEq)]
enum Family {
    Llama,
    Qwen2,
}

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Weights under their published names, all of them different.
fn weights(family: Family) -> Tensors {
    let mut out = Tensors::new();
    let mut seed = 1u32;
    let mut add = |name: String, shape: Vec<usize>| {
        let values = (0..shape.iter().product())
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as f32 / (1 << 24) as f32 - 0.5
            })
            .collect();
        out.insert(name, (shape, values));
    };
    let kv = WIDTH / HEADS * KV;
    add(
        "model.embed_tokens.weight".into(),
        vec![VOCABULARY.len(), WIDTH],
    );
    add("model.norm.weight".into(), vec![WIDTH]);
    for k in 0..LAYERS {
        let at = |part: &str| format!("model.layers.{k}.{part}");
        for (part, o, i) in [
            ("self_attn.q_proj", WIDTH, WIDTH),
            ("self_attn.k_proj", kv, WIDTH),
            ("self_attn.v_proj", kv, WIDTH),
            ("self_attn.o_proj", WIDTH, WIDTH),
            ("mlp.gate_proj", HIDDEN, WIDTH),
            ("mlp.up_proj", HIDDEN, WIDTH),
            ("mlp.down_proj", WIDTH, HIDDEN),
        ] {
            add(format!("{}.weight", at(part)), vec![o, i]);
            if family == Family::Qwen2
                && ["q_proj", "k_proj", "v_proj"]
                    .iter()
                    .any(|p| part.ends_with(p))
            {
                add(format!("{}.bias", at(part)), vec![o]);
            }
        }
        add(at("input_layernorm.weight"), vec![WIDTH]);
        add(at("post_attention_layernorm.weight"), vec![WIDTH]);
    }
    if family == Family::Qwen2 {
        add("lm_head.weight".into(), vec![VOCABULARY.len(), WIDTH]);
    }
    out
}

/// Rows as GGUF has those of Llama's queries and keys: the two numbers of a rotary pair side by side.
fn side_by_side(values: &[f32], heads: usize, n: usize, width: usize) -> Vec<f32> {
    let (head, mut out) = (n / heads, Vec::new());
    for h in 0..heads {
        for k in 0..head / 2 {
            for s in 0..2 {
                let row = h * head + s * head / 2 + k;
                out.extend_from_slice(&values[row * width..(row + 1) * width]);
            }
        }
    }
    out
}

fn text(out: &mut Vec<u8>, t: &str) {
    out.extend((t.len() as u64).to_le_bytes());
    out.extend(t.as_bytes());
}

/// The file, in GGUF's own names and order.
fn gguf(family: Family) -> Vec<u8> {
    let arch = if family == Family::Llama {
        "llama"
    } else {
        "qwen2"
    };
    let (mut keys, mut n_keys) = (Vec::new(), 0u64);
    let mut key = |name: &str, kind: u32, value: &dyn Fn(&mut Vec<u8>)| {
        text(&mut keys, name);
        keys.extend(kind.to_le_bytes());
        value(&mut keys);
        n_keys += 1;
    };
    let strings = |list: &[&str], out: &mut Vec<u8>| {
        out.extend(8u32.to_le_bytes());
        out.extend((list.len() as u64).to_le_bytes());
        list.iter().for_each(|t| text(out, t));
    };
    key("general.architecture", 8, &|out| text(out, arch));
    for (name, value) in [
        ("block_count", LAYERS),
        ("context_length", 64),
        ("embedding_length", WIDTH),
        ("feed_forward_length", HIDDEN),
        ("attention.head_count", HEADS),
        ("attention.head_count_kv", KV),
    ] {
        key(&format!("{arch}.{name}"), 4, &|out| {
            out.extend((value as u32).to_le_bytes())
        });
    }
    for (name, value) in [
        ("rope.freq_base", 1000.0f32),
        ("attention.layer_norm_rms_epsilon", 0.0625),
    ] {
        key(&format!("{arch}.{name}"), 6, &|out| {
            out.extend(value.to_le_bytes())
        });
    }
    key("tokenizer.ggml.model", 8, &|out| text(out, "gpt2"));
    key("tokenizer.ggml.pre", 8, &|out| text(out, "smollm"));
    key("tokenizer.ggml.tokens", 9, &|out| strings(&VOCABULARY, out));
    key("tokenizer.ggml.merges", 9, &|out| strings(&["a b"], out));
    key("tokenizer.ggml.token_type", 9, &|out| {
        out.extend(5u32.to_le_bytes());
        out.extend((VOCABULARY.len() as u64).to_le_bytes());
        (0..VOCABULARY.len()).for_each(|k| out.extend(if k == 0 { 3i32 } else { 1 }.to_le_bytes()));
    });
    let tensors = weights(family);
    let (mut list, mut data) = (Vec::new(), Vec::<u8>::new());
    for (name, (shape, values)) in &tensors {
        let name = name
            .replace("model.layers.", "blk.")
            .replace("post_attention_layernorm", "ffn_norm")
            .replace("input_layernorm", "attn_norm")
            .replace("self_attn.o_proj", "attn_output")
            .replace("self_attn.", "attn_")
            .replace("mlp.", "ffn_")
            .replace("_proj", "")
            .replace("model.embed_tokens", "token_embd")
            .replace("model.norm", "output_norm")
            .replace("lm_head", "output");
        text(&mut list, &name);
        list.extend((shape.len() as u32).to_le_bytes());
        shape
            .iter()
            .rev()
            .for_each(|n| list.extend((*n as u64).to_le_bytes()));
        list.extend(0u32.to_le_bytes());
        list.extend((data.len() as u64).to_le_bytes());
        let heads = match name.as_str() {
            n if family == Family::Llama && n.contains("attn_q.") => HEADS,
            n if family == Family::Llama && n.contains("attn_k.") => KV,
            _ => 0,
        };
        let values = if heads > 0 {
            side_by_side(values, heads, shape[0], shape[1])
        } else {
            values.clone()
        };
        data.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        data.resize(data.len().next_multiple_of(32), 0);
    }
    let mut out = b"GGUF\x03\0\0\0".to_vec();
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend(n_keys.to_le_bytes());
    out.extend(keys);
    out.extend(list);
    out.resize(out.len().next_multiple_of(32), 0);
    out.extend(data);
    out
}

/// The folder, its tokenizer that of the GGUF.
fn folder(family: Family, dir: &Path, tokenizer: &str) {
    std::fs::create_dir_all(dir).unwrap();
    let llama = family == Family::Llama;
    let config = serde_json::json!({
        "model_type": if llama { "llama" } else { "qwen2" }, "vocab_size": VOCABULARY.len(), "hidden_size": WIDTH,
        "intermediate_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": KV, "max_position_embeddings": 64, "rope_theta": 1000.0, "rms_norm_eps": 0.0625,
        "tie_word_embeddings": llama,
    });
    std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
    std::fs::write(dir.join("tokenizer.json"), tokenizer).unwrap();
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = weights(family)
        .into_iter()
        .map(|(name, (shape, v))| {
            (
                name,
                shape,
                v.iter().flat_map(|v| v.to_le_bytes()).collect(),
            )
        })
        .collect();
    let views = bytes
        .iter()
        .map(|(name, shape, b)| (name, TensorView::new(Dtype::F32, shape.clone(), b).unwrap()));
    std::fs::write(
        dir.join("model.safetensors"),
        serialize(views, None).unwrap(),
    )
    .unwrap();
}

fn logits(borrowed: &mut Borrowed) -> TensorData {
    let device = Device::flex();
    let model = borrowed.load(&device).unwrap();
    let ids = Tensor::<2, Int>::from_data([[1, 3, 4, 2, 1, 0]], &device);
    model
        .logits(model.forward(model.embed(ids), None))
        .into_data()
}

#[test]
fn both_forms_are_the_same_model() {
    for family in [Family::Llama, Family::Qwen2] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.gguf");
        std::fs::write(&path, gguf(family)).unwrap();
        let mut file = Borrowed::open(&path).unwrap();
        assert_eq!(file.published_vocabulary(), VOCABULARY.len());
        assert_eq!(file.config.tie_word_embeddings, family == Family::Llama);
        assert_eq!(file.config.attention_bias, family == Family::Qwen2);
        // The special tokens of this program come after those of the file, and the embedding has room for them.
        let special = file.tokenizer.special();
        assert_eq!(special.pad as usize, VOCABULARY.len());
        assert_eq!(file.config.vocab_size, file.tokenizer.vocab_size());
        assert_eq!(file.tokenizer.encode("ab a").unwrap(), [3, 4, 1]);
        assert_eq!(
            file.tokenizer.encode("<|end|>b<seg>").unwrap(),
            [0, 2, special.seg]
        );
        folder(
            family,
            &dir.path().join("hf"),
            &file.tokenizer.to_json().unwrap(),
        );
        let mut hf = Borrowed::open(&dir.path().join("hf")).unwrap();
        assert_eq!(hf.config, file.config);
        let (a, b) = (logits(&mut file), logits(&mut hf));
        a.assert_approx_eq::<f32>(&b, Tolerance::absolute(1e-5));
        let spread = a.iter::<f32>().fold(0.0, |m: f32, v| m.max(v.abs()));
        assert!(spread > 0.1, "logits of {spread} tell nothing");
    }
}

#[test]
fn damaged_or_foreign_models_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    let told = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let mut borrowed = match Borrowed::open(&path) {
            Ok(borrowed) => borrowed,
            Err(e) => return e.to_string(),
        };
        match borrowed.load(&Device::flex()) {
            Ok(_) => String::new(),
            Err(e) => e.to_string(),
        }
    };
    let good = gguf(Family::Llama);
    assert_eq!(told(&good), "");
    for cut in (0..good.len()).step_by(97) {
        assert!(!told(&good[..cut]).is_empty(), "cut at {cut}");
    }
    let replaced = |from: &[u8], to: &[u8]| {
        let at = good.windows(from.len()).position(|w| w == from).unwrap();
        let mut bad = good.clone();
        bad[at..at + to.len()].copy_from_slice(to);
        bad
    };
    // Another family, another splitting, a tensor of no use to the decoder and thereby one that is missing.
    assert!(told(&replaced(b"llama", b"mamba")).contains("llama or qwen2"));
    assert!(told(&replaced(b"smollm", b"smxllm")).contains("smollm"));
    assert!(told(&replaced(b"blk.1.ffn_up", b"blk.1.ffn_no")).contains("blk.1.ffn_up"));
}
