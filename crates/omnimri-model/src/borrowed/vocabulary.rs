//! A tokenizer from the tokens and merges of a GGUF: byte-level BPE with the splitting that the file names.

use serde_json::{Value as Json, json};

use super::gguf::{Gguf, Value};
use crate::error::{Error, Result};

/// `tokenizer.ggml.token_type` of tokens such as `<|endoftext|>`, and of those that a user added.
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;

/// Words, one digit at a time, symbols, line ends and spaces, as Qwen2's `tokenizer.json` splits text.
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The same with up to three digits at a time, as Llama 3's.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How text is split before merging: normaliser and pre-tokenizer of `tokenizer.json`; none for a name that is not known.
fn splitting(name: &str) -> Option<(Json, Json)> {
    let bytes = |use_regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex});
    let sequence = |first: Json, use_regex: bool| json!({"type": "Sequence", "pretokenizers": [first, bytes(use_regex)]});
    let split = |regex: &str| json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false});
    let digits = json!({"type": "Digits", "individual_digits": true});
    Some(match name {
        "smollm" | "starcoder" | "refact" => (Json::Null, sequence(digits, true)),
        "qwen2" => (json!({"type": "NFC"}), sequence(split(QWEN2), false)),
        "llama-bpe" | "llama3" => (Json::Null, sequence(split(LLAMA3), false)),
        "gpt-2" => (Json::Null, bytes(true)),
        _ => return None,
    })
}

/// The tokenizer of a file.
///
/// # Errors
/// [`Error::Borrow`] where it is no byte-level BPE, splits in a way that is not known, or its lists do not fit each other.
pub fn tokenizer(file: &Gguf) -> Result<tokenizers::Tokenizer> {
    let text = |key: &str| match file.get(key) {
        Some(Value::Text(t)) => Ok(t.as_str()),
        other => Err(file.bad(key, "a name", format!("{other:?}"))),
    };
    let texts = |key: &str| match file.get(key) {
        Some(Value::Texts(t)) => Ok(t),
        _ => Err(file.bad(key, "a list of strings", "none")),
    };
    let model = text("tokenizer.ggml.model")?;
    if model != "gpt2" {
        return Err(file.bad("tokenizer.ggml.model", "gpt2 (byte-level BPE)", model));
    }
    let pre = text("tokenizer.ggml.pre")?;
    let Some((normalizer, pre_tokenizer)) = splitting(pre) else {
        let known = "smollm, starcoder, refact, qwen2, llama-bpe, llama3 or gpt-2";
        return Err(file.bad("tokenizer.ggml.pre", known, pre));
    };
    let tokens = texts("tokenizer.ggml.tokens")?;
    let no_kinds = Vec::new();
    let kinds = match file.get("tokenizer.ggml.token_type") {
        Some(Value::Wholes(kinds)) => kinds,
        _ => &no_kinds,
    };
    let mut vocab = serde_json::Map::with_capacity(tokens.len());
    let mut added = Vec::new();
    for (id, token) in tokens.iter().enumerate() {
        vocab.insert(token.clone(), json!(id));
        let kind = kinds.get(id).copied().unwrap_or_default();
        if kind == CONTROL || kind == USER_DEFINED {
            added.push(json!({
                "id": id, "content": token, "special": kind == CONTROL, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false,
            }));
        }
    }
    if vocab.len() != tokens.len() {
        let found = format!("{} of {}", vocab.len(), tokens.len());
        return Err(file.bad("tokenizer.ggml.tokens", "every token once", found));
    }
    let merges: Vec<Json> = texts("tokenizer.ggml.merges")?
        .iter()
        .filter_map(|m| m.split_once(' ').map(|(a, b)| json!([a, b])))
        .collect();
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let whole = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer, "post_processor": null, "decoder": bytes,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": pre.starts_with("llama"), "vocab": vocab, "merges": merges,
        },
    });
    tokenizers::Tokenizer::from_bytes(whole.to_string()).map_err(Error::Tokenizer)
}
