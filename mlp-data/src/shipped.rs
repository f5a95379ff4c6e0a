//! The configurations under `config/`, so that a program can start without any file.

/// `config/user.tsv`: ten profiles, 170 users.
pub const USERS: &str = include_str!("../../config/user.tsv");
/// `config/user_noise.tsv`: one profile of large, rich and old groups, unlike all the others.
pub const NOISY_USERS: &str = include_str!("../../config/user_noise.tsv");
/// `config/location.tsv`: ten profiles, 210 locations.
pub const LOCATIONS: &str = include_str!("../../config/location.tsv");
