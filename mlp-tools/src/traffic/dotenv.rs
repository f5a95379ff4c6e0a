//! Settings from a file.

use std::io;
use std::path::Path;

/// The settings of a `.env` file, first to last; none where there is no such file.
#[derive(Clone, Debug, Default)]
pub struct DotEnv(Vec<(String, String)>);

impl DotEnv {
    /// Reads the file; unlike `dotenvy::dotenv` it leaves the environment alone.
    pub fn read(path: &Path) -> Result<Self, String> {
        let fault = |error| format!("`{}`: {error}", path.display());
        match dotenvy::from_path_iter(path) {
            Ok(lines) => lines.collect::<Result<_, _>>().map(DotEnv).map_err(fault),
            Err(dotenvy::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                Ok(DotEnv::default())
            }
            Err(error) => Err(fault(error)),
        }
    }

    /// The value of a setting.
    pub fn get(&self, name: &str) -> Option<String> {
        let named = |(key, value): &(String, String)| (key == name).then(|| value.clone());
        self.0.iter().find_map(named)
    }
}
