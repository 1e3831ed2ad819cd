//! Customer-base models: how many purchases a customer who buys at will is going to make, and of what value.
//!
//! BG/NBD (Fader, Hardie and Lee 2005) says whether somebody is still a customer and how often they will buy; the gamma-gamma
//! model (Fader and Hardie 2013) says what one of their purchases is worth.

mod bg_nbd;
mod forecast;
mod gamma_gamma;
mod history;
mod maximise;
mod special;

pub use bg_nbd::BgNbd;
pub use forecast::{Forecast, Forecaster, Judgement};
pub use gamma_gamma::{GammaGamma, correlation};
pub use history::{Customer, Histories};
pub use maximise::Fit;

#[cfg(test)]
mod tests;
