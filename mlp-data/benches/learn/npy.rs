//! Arrays as NumPy's `.npy` files, version 1.0.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use ndarray::Array2;

/// Writes a matrix, row after row.
pub fn write_f64(path: &Path, matrix: &Array2<f64>) {
    let shape = format!("({}, {})", matrix.nrows(), matrix.ncols());
    let mut file = begun(path, "<f8", &shape);
    for x in matrix {
        file.write_all(&x.to_le_bytes()).unwrap();
    }
    file.flush().unwrap();
}

/// Writes a vector.
pub fn write_bool(path: &Path, vector: &[bool]) {
    let mut file = begun(path, "|b1", &format!("({},)", vector.len()));
    let bytes: Vec<u8> = vector.iter().map(|b| u8::from(*b)).collect();
    file.write_all(&bytes).unwrap();
    file.flush().unwrap();
}

fn begun(path: &Path, kind: &str, shape: &str) -> BufWriter<File> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    // Magic, version and length are 10 bytes; the whole, with a line's end, a multiple of 64.
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(b"\x93NUMPY\x01\x00").unwrap();
    let length = u16::try_from(header.len()).unwrap();
    file.write_all(&length.to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file
}
