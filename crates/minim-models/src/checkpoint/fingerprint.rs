use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::load::canonical_names;
use super::weights::Weights;
use crate::Error;
use crate::family::Family;

/// One digest over the tensors of the backbone, by name.
pub(super) fn of(weights: &Weights, family: &Family) -> Result<[u8; 32], Error> {
    let stored = canonical_names(weights, family)?;
    let backbone: Vec<_> = stored.iter().filter(|(name, _)| name.starts_with(family.prefix)).collect();
    let digest = |(name, stored): &(&String, &String)| {
        let mut hash = Sha256::new_with_prefix(name);
        for axis in &weights.shapes()[*stored] {
            hash.update((*axis as u64).to_le_bytes());
        }
        weights.values(stored)?.digest(&mut hash);
        Ok(hash.finalize())
    };
    let digests: Vec<_> = backbone.par_iter().map(digest).collect::<Result<_, Error>>()?;
    Ok(digests.iter().fold(Sha256::new(), |hash, digest| hash.chain_update(digest)).finalize().into())
}
