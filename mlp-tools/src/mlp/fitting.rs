//! Flags about how models are fitted.

use clap::{Args, ValueEnum};
use mlp_core::Scaling;
use mlp_worker::{FitRequest, L2};

use super::arguments::whole;

/// How models are fitted.
#[derive(Args, Clone, Debug, Default)]
pub struct Fitting {
    /// The L2 penalty on the weights of the scaled features: a number from 0, or `cv` for the one
    /// that does best on sessions that are kept from the fit, in 5 folds. Default: cv
    #[arg(long, env = "MLP_L2", value_name = "NUMBER|cv")]
    l2: Option<L2>,

    /// How features are brought to one size. Default: standard
    #[arg(long, env = "MLP_SCALING", value_enum, value_name = "HOW")]
    scaling: Option<ScalingName>,

    /// Learn from this number of features alone, those with the largest chi² statistic; 0: from
    /// all of them. Default: 0
    #[arg(long, env = "MLP_K_BEST", value_name = "K", value_parser = whole::<usize>(0, u64::MAX))]
    k_best: Option<usize>,
}

impl Fitting {
    /// What was said; the rest is left as it is.
    pub fn request(&self) -> FitRequest {
        FitRequest {
            family: None,
            l2: self.l2,
            scaling: self.scaling.map(Scaling::from),
            k_best: self.k_best,
        }
    }
}

/// [`Scaling`], as the command line names it.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum ScalingName {
    /// Less the mean, over the standard deviation
    Standard,
    /// Less the minimum, over the range
    MinMax,
    /// As they are
    None,
}

impl From<ScalingName> for Scaling {
    fn from(name: ScalingName) -> Self {
        match name {
            ScalingName::Standard => Self::Standard,
            ScalingName::MinMax => Self::MinMax,
            ScalingName::None => Self::None,
        }
    }
}
