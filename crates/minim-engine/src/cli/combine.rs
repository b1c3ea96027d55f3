use std::path::PathBuf;

use clap::{Args, ValueEnum};
use minim_adapters::{Arithmetic, Combination, MajoritySign};
use minim_engine::Error;
use minim_engine::combine::combine;

/// Arguments of `minim combine`.
#[derive(Args)]
pub(super) struct CombineArguments {
    /// A LoRA adapter folder; give two or more
    #[arg(long, value_name = "DIR", required = true)]
    adapter: Vec<PathBuf>,
    /// The weight of each adapter, in their order; equal shares of 1 if not given
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    weight: Vec<f64>,
    /// What is done with them
    #[arg(long, default_value = "linear")]
    how: How,
    /// ties, dare-* and magnitude-prune: the share of values that is kept
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    density: f64,
    /// ties, dare-ties: the sign of the sum wins, or the more frequent one
    #[arg(long, default_value = "total")]
    sign: Sign,
    /// dare-*: decides what is dropped
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Work on the updates instead of their factors and take the best approximation: slower and truer
    #[arg(long)]
    svd: bool,
    /// With --svd: the rank of the result; the highest of the adapters if not given
    #[arg(long, value_name = "R", requires = "svd")]
    rank: Option<usize>,
    /// Folder for the combined adapter
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum How {
    /// Add the factors up
    Linear,
    /// Put the factors side by side: the exact sum of the updates, at the sum of the ranks
    Cat,
    /// Add up the largest values of each factor
    MagnitudePrune,
    /// TIES: of the largest values, those whose sign wins
    Ties,
    /// DARE: drop values at random, scale the rest up, add
    DareLinear,
    /// DARE, then the winning signs
    DareTies,
}

#[derive(Clone, Copy, ValueEnum)]
enum Sign {
    Total,
    Frequency,
}

impl CombineArguments {
    pub(super) fn run(self) -> Result<(), Error> {
        let (count, given) = (self.adapter.len(), self.weight.len());
        if given != 0 && given != count {
            return Err(Error::Input(format!(
                "{given} weights for {count} adapters; expected one --weight each, or none"
            )));
        }
        let weight = |number: usize| self.weight.get(number).copied().unwrap_or(1.0 / count as f64);
        let weights: Vec<f64> = (0..count).map(weight).collect();
        let (density, seed) = (self.density, self.seed);
        let sign = match self.sign {
            Sign::Total => MajoritySign::Total,
            Sign::Frequency => MajoritySign::Frequency,
        };
        let arithmetic = match self.how {
            How::Cat | How::Linear => Arithmetic::Linear,
            How::MagnitudePrune => Arithmetic::MagnitudePrune { density },
            How::Ties => Arithmetic::Ties { density, sign },
            How::DareLinear => Arithmetic::DareLinear { density, seed },
            How::DareTies => Arithmetic::DareTies { density, sign, seed },
        };
        let how = match (self.how, self.svd) {
            (How::Cat, true) => {
                return Err(Error::Input("--how cat is exact already; expected no --svd beside it".into()));
            }
            (How::Cat, false) => Combination::Cat,
            (_, true) => Combination::Svd { arithmetic, rank: self.rank },
            (_, false) => Combination::Factors(arithmetic),
        };
        combine(&self.adapter.into_iter().zip(weights).collect::<Vec<_>>(), how, &self.out)
    }
}
