//! Sizes of the model: plain data, validated before anything is built.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Channels given to the encoder for every slice: the slice before, the slice, the slice after.
pub const NEIGHBOURS: usize = 3;

/// Vision encoder: a pyramid at strides 4 and 8, then transformer blocks at stride 16.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisionConfig {
    /// Channels at stride 4.
    pub channels_s4: usize,
    /// Channels at stride 8.
    pub channels_s8: usize,
    /// Residual blocks of two 3x3 convolutions at stride 4.
    pub blocks_s4: usize,
    /// Residual blocks of two 3x3 convolutions at stride 8.
    pub blocks_s8: usize,
    /// Width of the tokens at stride 16.
    pub width: usize,
    /// Transformer blocks at stride 16.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Latents through which slices and series exchange information.
    pub study_latents: usize,
    /// Width of the hidden layer of the class heads.
    pub evidence_width: usize,
}

/// Dense decoder: from the pyramid to a pixel embedding at stride 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseConfig {
    /// Channels at stride 8.
    pub channels_s8: usize,
    /// Channels at stride 4.
    pub channels_s4: usize,
    /// Channels at stride 2: the width of pixel embeddings and queries.
    pub channels_s2: usize,
}

/// Language model of the Llama and Qwen family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageConfig {
    /// Number of tokens.
    pub vocab_size: usize,
    /// Width.
    pub hidden_size: usize,
    /// Hidden width of the SwiGLU layer.
    pub intermediate_size: usize,
    /// Decoder layers.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads (grouped-query attention).
    pub num_key_value_heads: usize,
    /// Longest sequence, visual and evidence tokens included.
    pub max_position_embeddings: usize,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Epsilon of RMSNorm.
    pub rms_norm_eps: f64,
    /// Do queries, keys and values carry a bias (Qwen2.5 does, Llama does not)?
    pub attention_bias: bool,
    /// Is the output the embedding itself?
    #[serde(default = "tied", skip_serializing_if = "is_tied")]
    pub tie_word_embeddings: bool,
}

fn tied() -> bool {
    true
}

/// Files of the time before untied outputs read and write as they did.
fn is_tied(tied: &bool) -> bool {
    *tied
}

/// Learned reconstruction: unrolled steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnrolledConfig {
    /// Unrolled steps.
    pub steps: usize,
    /// Channels at stride 2; twice and three times as many at strides 4 and 8.
    pub channels: usize,
    /// Residual blocks at stride 8 a step.
    pub blocks: usize,
}

/// The whole model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Name of the preset or of the user's variant.
    pub name: String,
    /// Vision encoder and class heads.
    pub vision: VisionConfig,
    /// Dense decoder.
    pub dense: DenseConfig,
    /// Language model.
    pub language: LanguageConfig,
    /// Learned reconstruction.
    pub unrolled: UnrolledConfig,
}

impl ModelConfig {
    /// The size trained and embedded here: made for two CPU cores.
    pub fn nano() -> Self {
        Self {
            name: "nano".into(),
            vision: VisionConfig {
                channels_s4: 48,
                channels_s8: 96,
                blocks_s4: 2,
                blocks_s8: 2,
                width: 192,
                layers: 4,
                heads: 6,
                study_latents: 8,
                evidence_width: 128,
            },
            dense: DenseConfig {
                channels_s8: 96,
                channels_s4: 48,
                channels_s2: 24,
            },
            language: LanguageConfig {
                vocab_size: 2048,
                hidden_size: 256,
                intermediate_size: 640,
                num_hidden_layers: 4,
                num_attention_heads: 8,
                num_key_value_heads: 4,
                max_position_embeddings: 1024,
                rope_theta: 10_000.0,
                rms_norm_eps: 1e-5,
                attention_bias: false,
                tie_word_embeddings: true,
            },
            unrolled: UnrolledConfig {
                steps: 3,
                channels: 32,
                blocks: 2,
            },
        }
    }

    /// A size for tests: builds and steps in milliseconds.
    pub fn tiny() -> Self {
        let mut config = Self::nano();
        config.name = "tiny".into();
        config.vision = VisionConfig {
            channels_s4: 8,
            channels_s8: 12,
            blocks_s4: 1,
            blocks_s8: 1,
            width: 16,
            layers: 1,
            heads: 2,
            study_latents: 2,
            evidence_width: 16,
        };
        config.dense = DenseConfig {
            channels_s8: 12,
            channels_s4: 8,
            channels_s2: 8,
        };
        config.language.vocab_size = 512;
        config.language.hidden_size = 16;
        config.language.intermediate_size = 24;
        config.language.num_hidden_layers = 2;
        config.language.num_attention_heads = 4;
        config.language.num_key_value_heads = 2;
        config.unrolled = UnrolledConfig {
            steps: 1,
            channels: 8,
            blocks: 1,
        };
        config
    }

    /// A published 135 M language model (SmolLM2-135M sizes) behind a wider encoder; for a GPU.
    pub fn small() -> Self {
        let mut config = Self::nano();
        config.name = "small".into();
        config.vision = VisionConfig {
            width: 384,
            layers: 8,
            channels_s4: 64,
            channels_s8: 128,
            ..config.vision
        };
        config.dense = DenseConfig {
            channels_s8: 128,
            channels_s4: 64,
            channels_s2: 32,
        };
        config.language = LanguageConfig {
            vocab_size: 49_152,
            hidden_size: 576,
            intermediate_size: 1536,
            num_hidden_layers: 30,
            num_attention_heads: 9,
            num_key_value_heads: 3,
            max_position_embeddings: 8192,
            rope_theta: 100_000.0,
            ..config.language
        };
        config
    }

    /// Qwen2.5-0.5B behind an encoder of the width and depth of SigLIP2 base; for a GPU.
    pub fn base() -> Self {
        let mut config = Self::small();
        config.name = "base".into();
        config.vision.width = 768;
        config.vision.layers = 12;
        config.vision.heads = 12;
        config.language = LanguageConfig {
            vocab_size: 151_936,
            hidden_size: 896,
            intermediate_size: 4864,
            num_hidden_layers: 24,
            num_attention_heads: 14,
            num_key_value_heads: 2,
            max_position_embeddings: 32_768,
            rope_theta: 1_000_000.0,
            rms_norm_eps: 1e-6,
            attention_bias: true,
            tie_word_embeddings: true,
        };
        config
    }

    /// Qwen2.5-7B behind an encoder of the width and depth of SigLIP2 So400m; for several GPUs.
    pub fn large() -> Self {
        let mut config = Self::base();
        config.name = "large".into();
        config.vision.width = 1152;
        config.vision.layers = 27;
        config.vision.heads = 16;
        config.language = LanguageConfig {
            vocab_size: 152_064,
            hidden_size: 3584,
            intermediate_size: 18_944,
            num_hidden_layers: 28,
            num_attention_heads: 28,
            num_key_value_heads: 4,
            tie_word_embeddings: false,
            ..config.language
        };
        config
    }

    /// A preset by name.
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "nano" => Some(Self::nano()),
            "tiny" => Some(Self::tiny()),
            "small" => Some(Self::small()),
            "base" => Some(Self::base()),
            "large" => Some(Self::large()),
            _ => None,
        }
    }

    /// Checks that the sizes fit each other.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field, what was expected and what was found.
    pub fn validate(&self) -> Result<()> {
        let l = &self.language;
        let divides = |field: &'static str, total: usize, part: usize| {
            if part == 0 || !total.is_multiple_of(part) {
                return Err(Error::Config {
                    field,
                    expected: format!("a positive divisor of {total}"),
                    found: part.to_string(),
                });
            }
            Ok(())
        };
        divides("vision.heads", self.vision.width, self.vision.heads)?;
        divides(
            "language.num_attention_heads",
            l.hidden_size,
            l.num_attention_heads,
        )?;
        divides(
            "language.num_key_value_heads",
            l.num_attention_heads,
            l.num_key_value_heads,
        )?;
        if !self.vision.width.is_multiple_of(4) {
            return Err(Error::Config {
                field: "vision.width",
                expected: "a multiple of 4".into(),
                found: self.vision.width.to_string(),
            });
        }
        if !(l.hidden_size / l.num_attention_heads).is_multiple_of(2) {
            return Err(Error::Config {
                field: "language.hidden_size",
                expected: "an even width a head".into(),
                found: l.hidden_size.to_string(),
            });
        }
        Ok(())
    }
}
