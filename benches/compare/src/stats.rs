//! Numbers from rounds.

pub fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    assert!(!values.is_empty());
    values.sort_by(f64::total_cmp);
    values
}

pub fn median(values: &[f64]) -> f64 {
    let values = sorted(values.to_vec());
    values[values.len() / 2]
}
