//! The interface that all classifiers of the binary task share, and the samples they take.

use crate::error::LearnError;

/// Rows of features, borrowed: `n_samples` x `n_features` values, row-major. A missing value is NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Samples<'a> {
    /// Row-major values, `n_samples * n_features` of them.
    pub features: &'a [f32],
    /// Number of rows.
    pub n_samples: usize,
    /// Number of columns.
    pub n_features: usize,
}

/// Rows of features that own their values; what [`Samples::select`] returns.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedSamples {
    features: Vec<f32>,
    n_samples: usize,
    n_features: usize,
}

/// A fitted classifier of the binary task.
pub trait Classifier {
    /// The probability of the positive class (faulty) for every row, in the order of the rows.
    ///
    /// A row gets the same probability alone as in any batch.
    ///
    /// # Errors
    /// When the number of columns is not the one of the training rows, or a library under the classifier refuses.
    fn predict_proba(&self, samples: &Samples<'_>) -> Result<Vec<f64>, LearnError>;

    /// The model as bytes that open in Python without this program. The same model gives the same bytes.
    ///
    /// # Errors
    /// When the model cannot be written.
    fn to_bytes(&self) -> Result<Vec<u8>, LearnError>;
}

impl<'a> Samples<'a> {
    /// Views `features` as a row-major table.
    ///
    /// # Errors
    /// When the buffer does not hold `n_samples * n_features` values, or there are more rows than 32 bits number.
    pub fn new(features: &'a [f32], n_samples: usize, n_features: usize) -> Result<Self, LearnError> {
        /// The learners keep the numbers of rows in 32 bits.
        const MOST: usize = u32::MAX as usize;
        if n_samples > MOST {
            return Err(LearnError::TooManyRows { n_samples, most: MOST });
        }
        if n_samples.checked_mul(n_features) != Some(features.len()) {
            return Err(LearnError::Shape { what: "the feature table", found: features.len(), n_samples, n_features });
        }
        Ok(Self { features, n_samples, n_features })
    }

    /// Row `i`, or an empty slice when there is no such row.
    pub fn row(&self, i: usize) -> &'a [f32] {
        i.checked_mul(self.n_features)
            .and_then(|start| self.features.get(start..)?.get(..self.n_features))
            .unwrap_or_default()
    }

    /// All rows in order; as many as `n_samples`, also when there are no columns.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &'a [f32]> + '_ {
        (0..self.n_samples).map(|i| self.row(i))
    }

    /// A copy of the named rows, in the order given. A row may be named more than once.
    ///
    /// # Errors
    /// When an index lies outside the table.
    pub fn select(&self, rows: &[usize]) -> Result<OwnedSamples, LearnError> {
        self.expect_rows(rows)?;
        let mut features = Vec::with_capacity(rows.len() * self.n_features);
        for &row in rows {
            features.extend_from_slice(self.row(row));
        }
        Ok(OwnedSamples { features, n_samples: rows.len(), n_features: self.n_features })
    }

    /// A copy that owns its values.
    pub fn owned(&self) -> OwnedSamples {
        OwnedSamples { features: self.features.to_vec(), n_samples: self.n_samples, n_features: self.n_features }
    }

    /// Refuses indices of rows that do not exist.
    ///
    /// # Errors
    /// For the first such index.
    pub fn expect_rows(&self, rows: &[usize]) -> Result<(), LearnError> {
        match rows.iter().find(|&&row| row >= self.n_samples) {
            None => Ok(()),
            Some(&row) => Err(LearnError::RowOutOfRange { row, n_samples: self.n_samples }),
        }
    }

    /// Refuses a table whose number of columns is not the one a model was fitted on.
    ///
    /// # Errors
    /// When the numbers differ.
    pub fn expect_features(&self, expected: usize) -> Result<(), LearnError> {
        if self.n_features == expected {
            return Ok(());
        }
        Err(LearnError::Length { what: "a row of features", found: self.n_features, expected })
    }
}

impl Samples<'_> {
    /// Refuses missing and infinite values, for methods that take neither.
    ///
    /// # Errors
    /// For the first such value, by its position in the buffer.
    pub fn expect_finite(&self) -> Result<(), LearnError> {
        match self.features.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(position) => Err(LearnError::BadValue {
                what: "the value",
                position,
                found: f64::from(self.features[position]),
                expected: "a finite number (impute first)",
            }),
        }
    }

    /// The same of the named rows, or of all; each must exist.
    ///
    /// # Errors
    /// As in [`Samples::expect_rows`] and [`Samples::expect_finite`].
    pub fn expect_finite_rows(&self, rows: Option<&[usize]>) -> Result<(), LearnError> {
        let Some(rows) = rows else { return self.expect_finite() };
        self.expect_rows(rows)?;
        let are_finite = rows.iter().all(|&row| self.row(row).iter().all(|value| value.is_finite()));
        // the error tells the place within the whole table
        if are_finite { Ok(()) } else { self.expect_finite() }
    }
}

impl OwnedSamples {
    /// Takes over `features` as a row-major table.
    ///
    /// # Errors
    /// Those of [`Samples::new`].
    pub fn new(features: Vec<f32>, n_samples: usize, n_features: usize) -> Result<Self, LearnError> {
        Samples::new(&features, n_samples, n_features)?;
        Ok(Self { features, n_samples, n_features })
    }

    /// The same rows, borrowed.
    pub fn as_samples(&self) -> Samples<'_> {
        Samples { features: &self.features, n_samples: self.n_samples, n_features: self.n_features }
    }

    /// The row-major values, to change.
    pub(crate) fn features_mut(&mut self) -> &mut [f32] {
        &mut self.features
    }

    /// The row-major values themselves.
    pub fn into_features(self) -> Vec<f32> {
        self.features
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_of_the_wrong_size_is_refused() {
        let error = Samples::new(&[1.0, 2.0, 3.0], 2, 2).unwrap_err();
        assert_eq!(error.to_string(), "the feature table holds 3 values, expected 2 x 2");
    }

    #[test]
    fn more_rows_than_32_bits_number_are_refused() {
        let most = u32::MAX as usize;
        assert_eq!(Samples::new(&[], most, 0).unwrap().n_samples, most);
        let error = Samples::new(&[], most + 1, 0).unwrap_err();
        assert_eq!(error.to_string(), "the table has 4294967296 rows, expected at most 4294967295");
    }

    #[test]
    fn rows_are_found_by_index() {
        let samples = Samples::new(&[1.0, 2.0, 3.0, 4.0], 2, 2).unwrap();
        assert_eq!(samples.row(1), [3.0, 4.0]);
        assert_eq!(samples.row(2), [0.0_f32; 0]);
        assert_eq!(samples.rows().count(), 2);
    }

    #[test]
    fn selecting_copies_in_the_order_given() {
        let samples = Samples::new(&[1.0, 2.0, 3.0], 3, 1).unwrap();
        let chosen = samples.select(&[2, 0, 2]).unwrap();
        assert_eq!(chosen.as_samples().features, [3.0, 1.0, 3.0]);
        assert!(matches!(samples.select(&[3]), Err(LearnError::RowOutOfRange { row: 3, n_samples: 3 })));
    }

    #[test]
    fn a_table_without_columns_still_has_rows() {
        let samples = Samples::new(&[], 4, 0).unwrap();
        assert_eq!(samples.rows().count(), 4);
    }
}
