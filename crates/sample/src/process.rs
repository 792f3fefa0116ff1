//! The made-up process that the wafers come from.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Sensors per wafer.
pub const SENSOR_COUNT: usize = 590;
const RECIPES: usize = 3;
/// Every so many sensors one never moves.
const CONSTANT_EVERY: usize = 20;
/// Every so many sensors one depends on the recipe.
const RECIPE_EVERY: usize = 3;
/// How far apart recipes are, in standard deviations of a sensor.
const RECIPE_SHIFT: f64 = 2.5;
/// Sensors that tell good from faulty.
const TELLING_COUNT: usize = 3;
/// How much each of them tells, in log-odds per standard deviation.
const TELLING_WEIGHT: f64 = 1.5;
/// Log-odds of a fault when all of them are at their means; 8% after the spread is averaged over.
const BASE_LOG_ODDS: f64 = -4.4;
/// The share of readings missing in most sensors, and in the few that fail often.
const MISSING_RATIOS: (f64, f64) = (0.012, 0.5);
/// Every so many sensors one fails often.
const FAILING_EVERY: usize = 15;

struct Sensor {
    mean: f64,
    deviation: f64,
    recipe_shift: [f64; RECIPES],
    missing_ratio: f64,
}

/// One wafer.
pub(crate) struct Wafer {
    /// `None` = missing.
    pub(crate) readings: Vec<Option<f64>>,
    pub(crate) faulty: bool,
}

/// A line of sensors, fixed by the seed.
pub(crate) struct Process {
    sensors: Vec<Sensor>,
    telling: Vec<usize>,
    rng: ChaCha8Rng,
}

impl Process {
    pub(crate) fn new(mut rng: ChaCha8Rng) -> Self {
        let sensor = |index: usize, rng: &mut ChaCha8Rng| {
            let mean = 10_f64.powf(rng.gen_range(0.5..3.5));
            let deviation = if index.is_multiple_of(CONSTANT_EVERY) { 0.0 } else { mean * rng.gen_range(0.01..0.1) };
            let mut recipe_shift = [0.0; RECIPES];
            if index % RECIPE_EVERY == 1 {
                // Each such sensor sets one recipe apart, so that all pairs of recipes differ.
                let apart = rng.gen_range(0..RECIPES);
                recipe_shift[apart] = if rng.r#gen() { RECIPE_SHIFT } else { -RECIPE_SHIFT };
            }
            let missing_ratio = if index % FAILING_EVERY == 7 { MISSING_RATIOS.1 } else { MISSING_RATIOS.0 };
            Sensor { mean, deviation, recipe_shift, missing_ratio }
        };
        let sensors: Vec<Sensor> = (0..SENSOR_COUNT).map(|index| sensor(index, &mut rng)).collect();
        // Spread evenly over sensors that move, are seldom missing and are the same in all recipes.
        let usable: Vec<usize> = (0..SENSOR_COUNT)
            .filter(|index| {
                !index.is_multiple_of(CONSTANT_EVERY) && index % RECIPE_EVERY != 1 && index % FAILING_EVERY != 7
            })
            .collect();
        let telling = (0..TELLING_COUNT).map(|nth| usable[nth * usable.len() / TELLING_COUNT]).collect();
        Self { sensors, telling, rng }
    }

    pub(crate) fn wafer(&mut self) -> Wafer {
        let recipe = self.rng.gen_range(0..RECIPES);
        let mut deviates = Vec::with_capacity(SENSOR_COUNT);
        while deviates.len() < SENSOR_COUNT {
            deviates.extend(normal_pair(&mut self.rng));
        }
        let log_odds: f64 =
            BASE_LOG_ODDS + self.telling.iter().map(|index| TELLING_WEIGHT * deviates[*index]).sum::<f64>();
        let faulty = self.rng.r#gen::<f64>() < 1.0 / (1.0 + (-log_odds).exp());
        let rng = &mut self.rng;
        let reading = |(sensor, deviate): (&Sensor, f64)| {
            let missing = rng.r#gen::<f64>() < sensor.missing_ratio;
            let value = sensor.mean + sensor.deviation * (deviate + sensor.recipe_shift[recipe]);
            (!missing).then_some(value)
        };
        let readings = self.sensors.iter().zip(deviates).map(reading).collect();
        Wafer { readings, faulty }
    }
}

/// Two independent standard normal deviates (Box and Muller, 1958).
fn normal_pair(rng: &mut ChaCha8Rng) -> [f64; 2] {
    let radius = (-2.0 * (1.0 - rng.r#gen::<f64>()).ln()).sqrt();
    let (sine, cosine) = (std::f64::consts::TAU * rng.r#gen::<f64>()).sin_cos();
    [radius * cosine, radius * sine]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_shares_of_faults_and_missing_readings_are_as_promised() {
        let mut process = Process::new(ChaCha8Rng::seed_from_u64(7));
        let wafers: Vec<Wafer> = (0..2000).map(|_| process.wafer()).collect();
        let faulty = wafers.iter().filter(|wafer| wafer.faulty).count() as f64 / 2000.0;
        assert!((0.06..0.11).contains(&faulty), "{faulty}");
        let missing: usize =
            wafers.iter().map(|wafer| wafer.readings.iter().filter(|value| value.is_none()).count()).sum();
        let ratio = missing as f64 / (2000 * SENSOR_COUNT) as f64;
        assert!((0.035..0.055).contains(&ratio), "{ratio}");
    }

    #[test]
    fn the_telling_sensors_tell() {
        let mut process = Process::new(ChaCha8Rng::seed_from_u64(7));
        let telling = process.telling.clone();
        let wafers: Vec<Wafer> = (0..4000).map(|_| process.wafer()).collect();
        let mean = |faulty: bool| {
            let values: Vec<f64> = wafers
                .iter()
                .filter(|wafer| wafer.faulty == faulty)
                .flat_map(|wafer| {
                    telling.iter().filter_map(|index| {
                        let sensor = &process.sensors[*index];
                        wafer.readings[*index].map(|value| (value - sensor.mean) / sensor.deviation)
                    })
                })
                .collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        assert!(mean(true) - mean(false) > 0.8, "{} {}", mean(true), mean(false));
    }
}
