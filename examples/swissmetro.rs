//! Estimates the textbook logit of the Swissmetro survey: who takes the train, the car, or a maglev
//! that was never built.
//!
//! ```text
//! zcat swissmetro.csv.gz | cargo run --release -p mlp-examples --example swissmetro
//! ```
//!
//! Bring the file: it is the survey of Bierlaire, Axhausen and Abay, *The acceptance of modal
//! innovation: the case of Swissmetro*, 2001, that Biogeme's tutorials use, with commas between the
//! columns. As there, commuters and business travellers with a known choice are used, and holders of
//! the season ticket GA ride for nothing.

use std::collections::HashMap;

use mlp_core::choice::{ChoiceOptions, Choices, Outside, estimate};
use mlp_core::metrics::Sessions;
use ndarray::Array2;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The alternatives, in the order of the survey's codes 1 to 3.
const ALTERNATIVES: [&str; 3] = ["TRAIN", "SM", "CAR"];

const COEFFICIENTS: [&str; 4] = ["train", "car", "time, 100 min", "cost, 100 CHF"];

fn main() -> Outcome<()> {
    let survey = read(std::io::stdin().lock())?;
    let n = survey.chosen.len();
    let features = Array2::from_shape_vec((3 * n, COEFFICIENTS.len()), survey.features)?;
    let situations = Sessions::equal(3 * n, 3)?;
    // Everybody takes one of the three: there is no outside option.
    let choices = Choices::new(features.view(), situations, survey.chosen, Outside::Absent)?
        .with_availability(survey.available)?;
    let fit = estimate(&choices, &ChoiceOptions::default())?;

    println!("choices                {n:>10}");
    println!("log-likelihood         {:>10.3}", fit.log_likelihood);
    println!("with all at 0          {:>10.3}", fit.null_log_likelihood);
    println!("steps                  {:>10}", fit.iterations);
    println!("converged              {:>10}", fit.converged);
    println!("\ncoefficient              estimate     error         z");
    let errors = fit.standard_errors().ok_or("the errors cannot be told")?;
    for ((name, estimate), error) in COEFFICIENTS.iter().zip(&fit.coefficients).zip(&errors) {
        let z = estimate / error;
        println!("{name:<22} {estimate:>10.4} {error:>9.4} {z:>9.2}");
    }
    let [_, _, time, cost] = fit.coefficients[..] else {
        return Err("there are four coefficients".into());
    };
    println!("\nan hour is worth {:.1} CHF", 60.0 * time / cost);
    Ok(())
}

/// The survey with a row for each alternative of each choice.
#[derive(Default)]
struct Survey {
    /// Row after row.
    features: Vec<f64>,
    available: Vec<bool>,
    chosen: Vec<Option<usize>>,
}

fn read(text: impl std::io::Read) -> Outcome<Survey> {
    let mut reader = csv::Reader::from_reader(text);
    let header: HashMap<String, usize> = (reader.headers()?.iter())
        .enumerate()
        .map(|(position, name)| (name.to_owned(), position))
        .collect();
    let mut survey = Survey::default();
    for record in reader.records() {
        let record = record?;
        let number = |name: &str| -> Outcome<f64> {
            let position = header.get(name);
            let cell = position.and_then(|p| record.get(*p));
            let cell = cell.ok_or_else(|| format!("there is no column `{name}`"))?;
            let line = record.position().map_or(0, csv::Position::line);
            (cell.trim().parse()).map_err(|_| format!("line {line}: `{name}` is `{cell}`").into())
        };
        let purpose = number("PURPOSE")?;
        let choice = number("CHOICE")?;
        if (purpose == 1.0 || purpose == 3.0) && choice != 0.0 {
            survey.push(number, choice as usize - 1)?;
        }
    }
    Ok(survey)
}

impl Survey {
    fn push(&mut self, number: impl Fn(&str) -> Outcome<f64>, chosen: usize) -> Outcome<()> {
        // The car and the train of those who were not asked about them are not to be had.
        let asked = number("SP")? != 0.0;
        let season_ticket = number("GA")? == 1.0;
        for name in ALTERNATIVES {
            let of = |what: &str| number(&format!("{name}_{what}"));
            let (is_train, is_car) = (name == "TRAIN", name == "CAR");
            let free = season_ticket && !is_car;
            let cost = if free { 0.0 } else { of("CO")? };
            self.features.extend([
                f64::from(u8::from(is_train)),
                f64::from(u8::from(is_car)),
                of("TT")? / 100.0,
                cost / 100.0,
            ]);
            let there = of("AV")? != 0.0;
            self.available.push(there && (asked || name == "SM"));
        }
        self.chosen.push(Some(chosen));
        Ok(())
    }
}
