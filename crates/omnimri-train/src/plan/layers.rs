//! The layers that a batch runs through, one by one, with their parameters, multiply-adds and kept numbers.

use omnimri_model::ModelConfig;
use omnimri_model::config::NEIGHBOURS;
use omnimri_model::heads::Head;
use omnimri_model::model::MOMENTS;
use omnimri_model::task::MaskTask;
use omnimri_model::unrolled::ACQUISITION;

use crate::config::Part;

/// What a layer computes; its time is measured for this shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Work {
    /// Normalisation, ReLU and 3x3 convolution of `c` to `o` channels at `pixels` places.
    Conv {
        /// Channels in.
        c: usize,
        /// Channels out.
        o: usize,
        /// Places of a slice.
        pixels: usize,
    },
    /// A linear layer of `i` to `o` numbers at `rows` places.
    Linear {
        /// Numbers in.
        i: usize,
        /// Numbers out.
        o: usize,
        /// Places.
        rows: usize,
    },
    /// A transformer block of the encoder.
    Block {
        /// Width.
        width: usize,
        /// Heads.
        heads: usize,
        /// Tokens of a slice.
        tokens: usize,
    },
    /// A layer of the language model, over a sequence of `tokens`.
    Decoder {
        /// Tokens of a sequence.
        tokens: usize,
    },
    /// Passes over numbers in memory.
    Pass {
        /// Numbers read and written.
        numbers: usize,
    },
}

/// A layer of a part, run for each slice (of the encoder) or sequence (of the language model).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    /// The part it belongs to.
    pub part: Part,
    /// What it computes.
    pub work: Work,
    /// How many like it.
    pub n: usize,
}

impl Layer {
    fn of(part: Part, n: usize, work: Work) -> Self {
        Self { part, work, n }
    }

    /// Multiply-adds of one forward pass.
    pub fn forward_macs(&self, model: &ModelConfig) -> u64 {
        let one = match self.work {
            Work::Conv { c, o, pixels } => 9 * c * o * pixels,
            Work::Linear { i, o, rows } => i * o * rows,
            Work::Block { width, tokens, .. } => {
                tokens * 12 * width * width + 2 * tokens * tokens * width
            }
            Work::Decoder { tokens } => {
                let l = &model.language;
                let kv = l.hidden_size / l.num_attention_heads * l.num_key_value_heads;
                let matrices = 2 * l.hidden_size * (l.hidden_size + kv)
                    + 3 * l.hidden_size * l.intermediate_size;
                tokens * matrices + 2 * tokens * tokens * l.hidden_size
            }
            Work::Pass { .. } => 0,
        };
        (self.n * one) as u64
    }

    /// Numbers that stay in memory until the backward pass: inputs of matrix products and of what is not linear.
    pub fn kept(&self, model: &ModelConfig) -> u64 {
        let one = match self.work {
            // Input of the normalisation and of the convolution.
            Work::Conv { c, pixels, .. } => 2 * c * pixels,
            Work::Linear { i, o, rows } => (i + o) * rows,
            // Two normalisations of five numbers a channel, queries, keys and values with their copies, the hidden layer twice.
            Work::Block {
                width,
                heads,
                tokens,
            } => tokens * 28 * width + 3 * heads * tokens * tokens,
            Work::Decoder { tokens } => {
                let l = &model.language;
                tokens * (24 * l.hidden_size + 5 * l.intermediate_size)
                    + 4 * l.num_attention_heads * tokens * tokens
            }
            Work::Pass { numbers } => numbers,
        };
        (self.n * one) as u64
    }
}

fn linear(part: Part, i: usize, o: usize, rows: usize) -> Layer {
    Layer::of(part, 1, Work::Linear { i, o, rows })
}

/// Layers of the encoder for one slice of `side`.
pub fn vision(m: &ModelConfig, side: usize) -> Vec<Layer> {
    let (v, part) = (&m.vision, Part::Vision);
    let at = |stride: usize| (side / stride) * (side / stride);
    let (c4, c8, w) = (v.channels_s4, v.channels_s8, v.width);
    let conv = |c: usize, pixels: usize, n: usize| {
        let work = Work::Conv { c, o: c, pixels };
        [
            Layer::of(part, 2 * n, work),
            Layer::of(
                part,
                n,
                Work::Pass {
                    numbers: 3 * c * pixels,
                },
            ),
        ]
    };
    let block = Work::Block {
        width: w,
        heads: v.heads,
        tokens: at(16),
    };
    let mut out = vec![linear(part, 16 * NEIGHBOURS, c4, at(4))];
    out.extend(conv(c4, at(4), v.blocks_s4));
    out.push(linear(part, 4 * c4, c8, at(8)));
    out.extend(conv(c8, at(8), v.blocks_s8));
    out.push(linear(part, 4 * c8, w, at(16)));
    out.push(Layer::of(part, v.layers, block));
    // Attention over the study: keys and values of every token, queries of every token, and two projections.
    out.push(Layer::of(
        part,
        5,
        Work::Linear {
            i: w,
            o: w,
            rows: at(16),
        },
    ));
    out
}

/// Layers of the dense decoder for one slice of `side`.
pub fn dense(m: &ModelConfig, side: usize) -> Vec<Layer> {
    let (d, part) = (&m.dense, Part::Dense);
    let at = |stride: usize| (side / stride) * (side / stride);
    let (c8, c4, c2) = (d.channels_s8, d.channels_s4, d.channels_s2);
    let conv = |c: usize, pixels: usize, n: usize| {
        let work = Work::Conv { c, o: c, pixels };
        // The coarser map is doubled and added, and the block's own shortcut.
        [
            Layer::of(part, n, work),
            Layer::of(
                part,
                1,
                Work::Pass {
                    numbers: 6 * c * pixels,
                },
            ),
        ]
    };
    let mut out = vec![
        linear(part, m.vision.width, c8, at(16)),
        linear(part, m.vision.channels_s8, c8, at(8)),
    ];
    out.extend(conv(c8, at(8), 1));
    out.push(linear(part, c8, c4, at(8)));
    out.push(linear(part, m.vision.channels_s4, c4, at(4)));
    out.extend(conv(c4, at(4), 2));
    out.push(linear(part, c4, c2, at(4)));
    out.push(linear(part, 4 * NEIGHBOURS, c2, at(2)));
    out.extend(conv(c2, at(2), 1));
    out
}

/// Masks of `tasks` tasks, the loss on them, and the class heads.
pub fn masks_and_classes(m: &ModelConfig, side: usize, tasks: usize) -> Vec<Layer> {
    let p2 = (side / 2) * (side / 2);
    let (c2, all) = (m.dense.channels_s2, MaskTask::ALL.len());
    vec![
        linear(Part::Dense, c2, tasks + all, p2),
        // The loss takes about a dozen passes over the logits.
        Layer::of(
            Part::Dense,
            1,
            Work::Pass {
                numbers: (12 * tasks + all) * p2,
            },
        ),
        linear(
            Part::Heads,
            m.vision.channels_s8 * 2 + m.vision.width,
            m.vision.evidence_width,
            1,
        ),
    ]
}

/// Visual tokens of a slice of `side`.
pub fn visual_tokens(side: usize) -> usize {
    let half = (side / 16).div_ceil(2);
    half * half + Head::ALL.len() + 1
}

/// The connector for one slice of `side`.
pub fn connector(m: &ModelConfig, side: usize) -> Vec<Layer> {
    let rows = (side / 16).div_ceil(2).pow(2);
    let (w, h) = (m.vision.width, m.language.hidden_size);
    vec![
        linear(Part::Connector, 4 * w, h, rows),
        linear(Part::Connector, h, h, rows),
    ]
}

/// The language model over a sequence of `tokens`, of which `text` are predicted.
pub fn language(m: &ModelConfig, tokens: usize, text: usize) -> Vec<Layer> {
    let (l, part) = (&m.language, Part::Language);
    vec![
        Layer::of(part, l.num_hidden_layers, Work::Decoder { tokens }),
        linear(part, l.hidden_size, l.vocab_size, text),
        // Logarithm of the softmax, picked and averaged.
        Layer::of(
            part,
            1,
            Work::Pass {
                numbers: 3 * l.vocab_size * text,
            },
        ),
    ]
}

/// Parameters of every part, in the order of [`Part::ALL`]: exactly those of the model.
pub fn parameters(m: &ModelConfig) -> [(Part, u64); 6] {
    let lin = |i: usize, o: usize| i * o + o;
    let conv = |c: usize, o: usize| 2 * c + 9 * c * o;
    let norm = |d: usize| 2 * d;
    let attention = |d: usize| 4 * lin(d, d);
    let (v, d, l, u) = (&m.vision, &m.dense, &m.language, &m.unrolled);
    let (w, h, e, tasks) = (
        v.width,
        l.hidden_size,
        v.evidence_width,
        MaskTask::ALL.len(),
    );
    let vision = lin(16 * NEIGHBOURS, v.channels_s4)
        + v.blocks_s4 * 2 * conv(v.channels_s4, v.channels_s4)
        + lin(4 * v.channels_s4, v.channels_s8)
        + v.blocks_s8 * 2 * conv(v.channels_s8, v.channels_s8)
        + lin(4 * v.channels_s8, w)
        + v.layers * (2 * norm(w) + attention(w) + lin(w, 4 * w) + lin(4 * w, w))
        + (v.study_latents * w + norm(w) + 2 * attention(w) + lin(w, w))
        + norm(w);
    let (c8, c4, c2) = (d.channels_s8, d.channels_s4, d.channels_s2);
    let dense = lin(w, c8)
        + lin(v.channels_s8, c8)
        + conv(c8, c8)
        + lin(c8, c4)
        + lin(v.channels_s4, c4)
        + 2 * conv(c4, c4)
        + lin(c4, c2)
        + lin(4 * NEIGHBOURS, c2)
        + conv(c2, c2)
        + tasks * (c2 + 1)
        + lin(h, c2)
        + lin(c2, 1);
    let pooled = v.channels_s4 + 2 * v.channels_s8 + w;
    let each = Head::ALL.iter().map(|head| {
        let input = if *head == Head::Tumour { 2 * e } else { e };
        lin(input, head.classes()) + lin(head.classes(), h)
    });
    let heads = norm(pooled)
        + lin(pooled, e)
        + norm(2 * c8)
        + lin(2 * c8, e)
        + each.sum::<usize>()
        + lin(MOMENTS, h);
    let connector = norm(4 * w) + lin(4 * w, h) + lin(h, h);
    let kv = h / l.num_attention_heads * l.num_key_value_heads;
    let bias = if l.attention_bias { h + 2 * kv } else { 0 };
    let table = l.vocab_size * h;
    let language = table
        + l.num_hidden_layers
            * (2 * h + 2 * h * h + 2 * h * kv + bias + 3 * h * l.intermediate_size)
        + h
        + if l.tie_word_embeddings { 0 } else { table };
    let [u2, u4, u8] = u.widths();
    let restore = |c: usize| 2 * 9 * c * c;
    let modulated = 2 * u2 + 2 * u4 + u.blocks * u8;
    let step = lin(16, u2)
        + lin(4 * u2, u4)
        + lin(4 * u4, u8)
        + lin(u8, 4 * u4)
        + lin(u4, 4 * u2)
        + lin(u2, 8)
        + 2 * restore(u2)
        + 2 * restore(u4)
        + u.blocks * restore(u8)
        + lin(e + ACQUISITION, 2 * modulated)
        + 1;
    let unrolled = u.steps * step + 1;
    [
        (Part::Vision, vision as u64),
        (Part::Dense, dense as u64),
        (Part::Heads, heads as u64),
        (Part::Connector, connector as u64),
        (Part::Language, language as u64),
        (Part::Unrolled, unrolled as u64),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::prelude::*;

    #[test]
    fn parameters_are_those_of_the_model() {
        for mut config in [ModelConfig::tiny(), ModelConfig::nano()] {
            for untied in [false, true] {
                config.language.tie_word_embeddings = !untied;
                config.language.attention_bias = untied;
                let model = config.init(&Device::flex()).unwrap();
                let found = [
                    model.vision.num_params(),
                    model.dense.num_params(),
                    model.heads.num_params(),
                    model.connector.num_params(),
                    model.language.num_params(),
                    model.unrolled.num_params(),
                ];
                assert_eq!(parameters(&config).map(|(_, n)| n as usize), found);
            }
        }
    }

    #[test]
    fn decoders_have_their_published_sizes() {
        // Qwen2.5-0.5B and 7B, SmolLM2-135M: the numbers of parameters of the published checkpoints.
        for (config, published) in [
            (ModelConfig::small(), 134_515_008),
            (ModelConfig::base(), 494_032_768),
            (ModelConfig::large(), 7_615_616_512),
        ] {
            config.validate().unwrap();
            let language = parameters(&config)
                .into_iter()
                .find(|(p, _)| *p == Part::Language);
            assert_eq!(language.unwrap().1, published, "{}", config.name);
        }
    }
}
