//! Tables as `.npy`, which numpy reads and writes: version 1, C order, f32 in two dimensions or bytes in one
//! (the format is told in numpy's NEP 1).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use faultline_learn::OwnedSamples;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Header and magic together are padded to a multiple of this.
const ALIGNMENT: usize = 64;

/// Reads a table of f32.
///
/// # Errors
/// When the file cannot be read or is not such a table.
pub(crate) fn read_table(path: &Path) -> Result<OwnedSamples> {
    let content = read(path)?;
    let (shape, data) = parse(&content, "<f4").with_context(|| path.display().to_string())?;
    ensure!(shape.len() == 2, "{} has {} dimensions, expected 2", path.display(), shape.len());
    let values = data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    OwnedSamples::new(values, shape[0], shape[1]).with_context(|| path.display().to_string())
}

/// Reads a list of bytes, each 0 or another.
///
/// # Errors
/// When the file cannot be read or is not such a list.
pub(crate) fn read_flags(path: &Path) -> Result<Vec<bool>> {
    let content = read(path)?;
    let (shape, data) = parse(&content, "|u1").with_context(|| path.display().to_string())?;
    ensure!(shape == [data.len()], "{} is {shape:?} of {} bytes, expected one dimension", path.display(), data.len());
    Ok(data.iter().map(|byte| *byte != 0).collect())
}

/// Writes a table of f32.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_table(path: &Path, table: &OwnedSamples) -> Result<()> {
    let samples = table.as_samples();
    let shape = format!("({}, {})", samples.n_samples, samples.n_features);
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    let end = MAGIC.len() + 4 + header.len() + 1;
    header.push_str(&" ".repeat(end.next_multiple_of(ALIGNMENT) - end));
    header.push('\n');
    let mut content = Vec::with_capacity(end + ALIGNMENT + samples.features.len() * 4);
    content.extend_from_slice(MAGIC);
    content.extend_from_slice(&[1, 0]);
    content.extend_from_slice(&u16::try_from(header.len())?.to_le_bytes());
    content.extend_from_slice(header.as_bytes());
    content.extend(samples.features.iter().flat_map(|value| value.to_le_bytes()));
    fs::write(path, content).with_context(|| format!("write {}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}

/// Shape and data of an array of that type.
fn parse<'a>(content: &'a [u8], expected: &str) -> Result<(Vec<usize>, &'a [u8])> {
    let rest = content.strip_prefix(MAGIC).context("this is no .npy file")?;
    let (version, rest) = rest.split_at_checked(4).context("the file ends in its header")?;
    ensure!(version[..2] == [1, 0], "version {}.{} of the format, expected 1.0", version[0], version[1]);
    let length = usize::from(u16::from_le_bytes([version[2], version[3]]));
    let (header, data) = rest.split_at_checked(length).context("the file ends in its header")?;
    let header = std::str::from_utf8(header).context("the header")?;
    let descr = value(header, "descr")?.trim_matches('\'');
    ensure!(descr == expected, "values are {descr}, expected {expected}");
    ensure!(value(header, "fortran_order")? == "False", "the table is in Fortran's order, expected C's");
    let shape = header.split_once('(').and_then(|(_, rest)| rest.split_once(')')).context("no shape in the header")?.0;
    let numbers = shape.split(',').map(str::trim).filter(|number| !number.is_empty());
    let shape: Vec<usize> = numbers.map(str::parse).collect::<Result<_, _>>().context("the shape")?;
    let width = if expected == "<f4" { 4 } else { 1 };
    let wanted = shape.iter().try_fold(width, |product: usize, &n| product.checked_mul(n)).context("the shape")?;
    ensure!(data.len() == wanted, "{} bytes of data, expected {wanted}", data.len());
    Ok((shape, data))
}

/// What the header, a Python dictionary, has for a key.
fn value<'a>(header: &'a str, key: &str) -> Result<&'a str> {
    let after = header.split_once(&format!("'{key}':")).with_context(|| format!("no {key} in the header"))?.1;
    Ok(after.split([',', '}']).next().unwrap_or_default().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Vec<u8> {
        let mut content = MAGIC.to_vec();
        content.extend([1, 0]);
        content.extend((text.len() as u16).to_le_bytes());
        content.extend(text.as_bytes());
        content
    }

    #[test]
    fn what_is_written_is_read_and_aligned() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.npy");
        let table = OwnedSamples::new(vec![1.0, -2.5, 3.25, 0.0, 1e-30, 7.0], 2, 3).unwrap();
        write_table(&path, &table).unwrap();
        assert_eq!(read_table(&path).unwrap(), table);
        assert_eq!((fs::read(&path).unwrap().len() - 6 * 4) % ALIGNMENT, 0);
    }

    #[test]
    fn flags_are_bytes_in_one_dimension() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flags.npy");
        let mut content = header("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n");
        content.extend([0, 1, 2]);
        fs::write(&path, content).unwrap();
        assert_eq!(read_flags(&path).unwrap(), [false, true, true]);
        assert!(read_table(&path).is_err());
    }

    #[test]
    fn other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("odd.npy");
        let short = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }\n";
        let fortran = "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }\n";
        let wide = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }\n";
        let [whole, fortran, wide] = [short, fortran, wide].map(|text| [header(text), vec![0; 4]].concat());
        fs::write(&path, &whole).unwrap();
        assert!(read_table(&path).is_ok());
        for content in [b"no".to_vec(), whole[..whole.len() - 1].to_vec(), whole[..9].to_vec(), fortran, wide] {
            fs::write(&path, content).unwrap();
            assert!(read_table(&path).is_err());
        }
        assert!(read_table(&folder.path().join("absent.npy")).is_err());
    }
}
