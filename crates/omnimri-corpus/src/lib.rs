//! Catalogue of datasets, adapters, descriptions, instructions and augmentation.
