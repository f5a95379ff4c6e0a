//! Configurations: what is read, what is refused and how that is said.

use mlp_data::{Behaviour, LocationConfig, Mix, UserConfig, UserSampler, sample_catalog, shipped};
use proptest::prelude::*;

use crate::{new_year, rng, users};

fn user_error(table: &[u8]) -> String {
    UserConfig::from_reader("u.tsv", table)
        .expect_err("a fault")
        .to_string()
}

fn location_error(table: &str) -> String {
    let error = LocationConfig::from_reader("l.tsv", table.as_bytes()).expect_err("a fault");
    error.to_string()
}

#[test]
fn the_shipped_configurations_are_sound() {
    let count = |table: &str| {
        let parsed = UserConfig::from_reader("u", table.as_bytes()).expect("a configuration");
        assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
        (parsed.value.profiles().len(), parsed.value.pool_size())
    };
    assert_eq!(count(shipped::USERS), (10, 170));
    assert_eq!(count(shipped::NOISY_USERS), (1, 10));
    let parsed = LocationConfig::from_reader("l", shipped::LOCATIONS.as_bytes());
    let parsed = parsed.expect("a configuration");
    assert!(parsed.warnings.is_empty());
    assert_eq!(parsed.value.profiles().len(), 10);
    assert_eq!(parsed.value.catalog_size(), 210);
}

#[test]
fn every_user_fault_names_its_place() {
    let cases: [(&str, &str); 26] = [
        (
            "",
            "u.tsv: is empty, expected a header line and at least one profile",
        ),
        (
            "# only\n\n",
            "u.tsv: is empty, expected a header line and at least one profile",
        ),
        (
            "people_min\n\n# none\n",
            "u.tsv: has no profiles, expected at least one line below the header",
        ),
        (
            "price_min\tprice_max\n1\t2\n",
            "u.tsv: has none of the columns of a user configuration, such as `ignore_tolerance`",
        ),
        (
            "meta_n\tage_min\tage_min\n1\t2\t3\n",
            "u.tsv, line 1: column `age_min` is there twice",
        ),
        (
            "age_min\t\n1\t2\n",
            "u.tsv, line 1: column number 2 has no name",
        ),
        (
            "# c\nage_min\tage_max\n\n1\t2\n1\n",
            "u.tsv, line 5: has `1` cells, the header has 2 columns",
        ),
        (
            "age_min\tage_max\n1\t2\t3\n",
            "u.tsv, line 2: has `3` cells, the header has 2 columns",
        ),
        (
            "people_min\nx\n",
            "u.tsv, line 2, column `people_min`: `x` is not a number, expected one from 1 to 1000",
        ),
        (
            "people_min\n0\n",
            "u.tsv, line 2, column `people_min`: `0` is out of range, expected 1 to 1000",
        ),
        (
            "people_min\n2.5\n",
            "u.tsv, line 2, column `people_min`: `2.5` is not a whole number, expected one from 1 \
             to 1000",
        ),
        (
            "people_min\n-1\n",
            "u.tsv, line 2, column `people_min`: `-1` is out of range, expected 1 to 1000",
        ),
        (
            "people_min\tage_max\n \t3\n",
            "u.tsv, line 2, column `people_min`: is empty; leave the whole column out to use its \
             default, `1`",
        ),
        (
            "meta_comment\tspa_thr\n\t0.5\n",
            "u.tsv, line 2, column `meta_comment`: is empty; leave the whole column out to use \
             its default, the line's number",
        ),
        (
            "spa_thr\n1.01\n",
            "u.tsv, line 2, column `spa_thr`: `1.01` is out of range, expected 0 to 1",
        ),
        (
            "ignore_tolerance\n-0.1\n",
            "u.tsv, line 2, column `ignore_tolerance`: `-0.1` is out of range, expected 0 to 1",
        ),
        (
            "budget_max\nNaN\n",
            "u.tsv, line 2, column `budget_max`: `NaN` is not a number, expected one from 0 to \
             1000000000",
        ),
        (
            "budget_max\n1e999\n",
            "u.tsv, line 2, column `budget_max`: `1e999` is not a number, expected one from 0 to \
             1000000000",
        ),
        (
            "weight_spa\n-inf\n",
            "u.tsv, line 2, column `weight_spa`: `-inf` is not a number, expected one from 0 to \
             1000000",
        ),
        (
            "people_min\tpeople_max\n2\t3\n9\t3\n",
            "u.tsv, line 3, column `people_min`: `9` is more than `people_max`, which is `3`",
        ),
        (
            "age_min\n100\n",
            "u.tsv, line 2, column `age_min`: `100` is more than `age_max`, which is `99`",
        ),
        (
            "start_date_tolerance_max\n0\n",
            "u.tsv, line 2, column `start_date_tolerance_min`: `1` is more than \
             `start_date_tolerance_max`, which is `0`",
        ),
        (
            "meta_n\n99999999999999\n",
            "u.tsv, line 2, column `meta_n`: `99999999999999` is out of range, expected 0 to \
             1000000",
        ),
        (
            "meta_n\n600000\n600000\n",
            "u.tsv: the profiles make `1200000` users together, the limit is 1000000",
        ),
        (
            "meta_n\tpeople_max\n100000\t1000\n",
            "u.tsv: the profiles make `100000000` people together, the limit is 20000000",
        ),
        (
            "meta_n\n0\n0\n",
            "u.tsv: `meta_n` is `0` in every profile, expected at least one of 1 or more",
        ),
    ];
    for (table, message) in cases {
        assert_eq!(user_error(table.as_bytes()), message, "{table:?}");
    }
}

#[test]
fn every_location_fault_names_its_place() {
    for (table, message) in [
        (
            "",
            "l.tsv: is empty, expected a header line and at least one profile",
        ),
        (
            "budget_min\n1\n",
            "l.tsv: has none of the columns of a location configuration, such as `score_max`",
        ),
        (
            "family_min\tfamily_max\n3\t2\n",
            "l.tsv, line 2, column `family_min`: `3` is more than `family_max`, which is `2`",
        ),
        (
            "threshold_mountain\nyes\n",
            "l.tsv, line 2, column `threshold_mountain`: `yes` is not a number, expected one from \
             0 to 1",
        ),
        (
            "meta_n\n1000000\n1\n",
            "l.tsv: the profiles make `1000001` locations together, the limit is 1000000",
        ),
        (
            "meta_n\n0\n",
            "l.tsv: `meta_n` is `0` in every profile, expected at least one of 1 or more",
        ),
    ] {
        assert_eq!(location_error(table), message, "{table:?}");
    }
}

#[test]
fn values_are_shown_short_and_printable() {
    assert_eq!(
        user_error(b"meta_comment\na\x1b[31mb\n"),
        "u.tsv, line 2, column `meta_comment`: `a\\u{1b}[31mb` has a control character, which a \
         name may not have"
    );
    let long = format!("meta_comment\n{}\n", "é".repeat(201));
    assert_eq!(
        user_error(long.as_bytes()),
        format!(
            "u.tsv, line 2, column `meta_comment`: `{}…` is too long, the limit is 200 characters",
            "é".repeat(40)
        )
    );
    assert_eq!(
        user_error(b"age_min\n1\n\xff\n"),
        "u.tsv, line 3: is not UTF-8 text"
    );
    let endless = std::io::repeat(b'x');
    let error = UserConfig::from_reader("u.tsv", endless)
        .expect_err("too long")
        .to_string();
    assert_eq!(
        error,
        "u.tsv: is longer than 16777216 bytes, the limit of a configuration"
    );
}

#[test]
fn a_missing_file_is_named() {
    let error = UserConfig::from_path("/nowhere/user.tsv".as_ref()).expect_err("no file");
    assert_eq!(error.to_string(), "cannot read `/nowhere/user.tsv`");
    let error = LocationConfig::from_path("/".as_ref()).expect_err("a directory");
    assert_eq!(error.to_string(), "cannot read `/`");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn an_unknown_column_is_a_warning() {
    let table = "colour\tspa_thr\tshape\nred\t1\tround\n";
    let parsed = UserConfig::from_reader("u.tsv", table.as_bytes()).expect("a configuration");
    let warnings: Vec<_> = parsed.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "u.tsv, line 1: unknown column `colour` is ignored",
            "u.tsv, line 1: unknown column `shape` is ignored"
        ]
    );
}

#[test]
fn missing_columns_take_their_defaults() {
    let config = users("meta_comment\nOnly a name\n");
    let profile = &config.profiles()[0];
    assert_eq!((profile.name(), profile.meta_n()), ("Only a name", 1));
    assert_eq!(**profile.behaviour(), Behaviour::default());
    let config = users("meta_n\n3\n");
    assert_eq!(config.profiles()[0].name(), "line 2");
}

#[test]
fn quotes_spaces_and_line_ends_of_other_programs_are_read() {
    let table = "\u{feff}\"meta_comment\"\tmeta_n\r\n\"say \"\"hi\"\"\"\t 2.0 \r\n\t\r\n";
    let config = users(table);
    let profile = &config.profiles()[0];
    assert_eq!((profile.name(), profile.meta_n()), ("say \"hi\"", 2));
}

#[test]
fn the_hash_is_that_of_the_bytes() {
    // printf 'meta_n\n3\n' | sha256sum
    let expected = "c5e9029576fd90343f89bde25eff9e47b951343fe3cc9df9e99db8bb9a6f334b";
    assert_eq!(users("meta_n\n3\n").sha256(), expected);
}

/// A cell that no file should have, or that is just unusual.
fn odd_cell() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("NaN".to_owned()),
        Just("-inf".to_owned()),
        Just("1e308".to_owned()),
        Just("-0".to_owned()),
        Just("\"".to_owned()),
        Just("#".to_owned()),
        Just("\t".to_owned()),
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        any::<f64>().prop_map(|x| x.to_string()),
        any::<i64>().prop_map(|x| x.to_string()),
        (0u32..20).prop_map(|x| x.to_string()),
        ".{0,12}",
    ]
}

/// A shipped configuration with some cells replaced.
fn damaged(table: &'static str) -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), odd_cell());
    prop::collection::vec(change, 1..4).prop_map(move |changes| {
        let table: String =
            table
                .lines()
                .filter(|l| !l.starts_with('#'))
                .fold(String::new(), |mut text, line| {
                    text.push_str(line);
                    text.push('\n');
                    text
                });
        let mut cells: Vec<&str> = table.split_inclusive(['\t', '\n']).collect();
        let changes: Vec<_> = changes
            .iter()
            .map(|(at, cell)| (at, format!("{cell}\t")))
            .collect();
        for (at, cell) in &changes {
            let place = at.index(cells.len());
            cells[place] = cell;
        }
        cells.concat()
    })
}

/// Either a configuration that can be sampled, or an error that names the file.
fn check_users(bytes: &[u8]) -> Result<bool, TestCaseError> {
    match UserConfig::from_reader("some.tsv", bytes) {
        Ok(parsed) => {
            let sampler = UserSampler::new(&parsed.value, Mix::MetaN, new_year());
            let user = sampler.sample(&mut rng(1)).user;
            prop_assert!(user.people_num >= 1 && user.budget.is_finite());
            prop_assert_eq!(user.people_age.len(), user.people_num as usize);
            Ok(true)
        }
        Err(error) => {
            prop_assert!(error.to_string().contains("some.tsv"), "{}", error);
            Ok(false)
        }
    }
}

fn check_locations(bytes: &[u8]) -> Result<(), TestCaseError> {
    match LocationConfig::from_reader("some.tsv", bytes) {
        Ok(parsed) if parsed.value.catalog_size() < 10_000 => {
            let catalog = sample_catalog(&parsed.value, &mut rng(1));
            prop_assert_eq!(catalog.len(), parsed.value.catalog_size());
        }
        Ok(_) => {}
        Err(error) => prop_assert!(error.to_string().contains("some.tsv"), "{}", error),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn damaged_user_configurations_are_refused_or_sound(table in damaged(shipped::USERS)) {
        check_users(table.as_bytes())?;
    }

    #[test]
    fn damaged_location_configurations_are_refused_or_sound(table in damaged(shipped::LOCATIONS)) {
        check_locations(table.as_bytes())?;
    }

    #[test]
    fn truncated_configurations_are_refused_or_sound(at in any::<prop::sample::Index>()) {
        let bytes = shipped::USERS.as_bytes();
        check_users(&bytes[..at.index(bytes.len())])?;
    }

    #[test]
    fn random_bytes_are_refused_or_sound(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        head in prop::sample::select(vec!["", "meta_n\t", "people_min\tpeople_max\n"]),
    ) {
        let bytes = [head.as_bytes(), &bytes].concat();
        check_users(&bytes)?;
        check_locations(&bytes)?;
    }

    #[test]
    fn numbers_out_of_place_are_refused(number in any::<f64>()) {
        let ok = check_users(format!("spa_thr\n{number}\n").as_bytes())?;
        prop_assert_eq!(ok, (0.0..=1.0).contains(&number));
        let ok = check_users(format!("people_min\tpeople_max\n{number}\t1000\n").as_bytes())?;
        prop_assert_eq!(ok, number.fract() == 0.0 && (1.0..=1000.0).contains(&number));
    }
}
