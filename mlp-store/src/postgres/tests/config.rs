//! What a URL and the parts say.

use std::time::Duration;

use crate::postgres::PostgresConfig;

const SECRET: &str = "s3cr3t";

fn fault(url: &str) -> String {
    let error = PostgresConfig::parse(url).expect_err("it is at fault");
    assert!(matches!(error, crate::StoreError::Invalid(_)), "{error:?}");
    error.to_string()
}

#[test]
fn what_a_url_says_is_taken() {
    let cases = [
        // url, place, database, whether pooled, sslmode
        (
            "postgres://u:s3cr3t@h/d",
            "postgres://u@h:5432/d",
            "d",
            false,
            "prefer",
        ),
        (
            "postgresql://u@h:6543/d",
            "postgres://u@h:6543/d",
            "d",
            false,
            "prefer",
        ),
        (
            "postgres://u@h",
            "postgres://u@h:5432/u",
            "u",
            false,
            "prefer",
        ),
        (
            "postgres://h/d",
            "postgres://h:5432/d",
            "d",
            false,
            "prefer",
        ),
        (
            "postgres://u:@h/d",
            "postgres://u@h:5432/d",
            "d",
            false,
            "prefer",
        ),
        (
            "postgres://u@h/d?",
            "postgres://u@h:5432/d",
            "d",
            false,
            "prefer",
        ),
        (
            "postgres://u@h/d?pooler=transaction",
            "postgres://u@h:5432/d",
            "d",
            true,
            "prefer",
        ),
        (
            "postgres://u@h/d?pooler=none",
            "postgres://u@h:5432/d",
            "d",
            false,
            "prefer",
        ),
        (
            "postgres://u@h/d?sslmode=verify%2Dfull",
            "postgres://u@h:5432/d",
            "d",
            false,
            "verify-full",
        ),
        (
            "postgres://u@h/d?sslmode=disable&pooler=transaction&options=-c%20a%3Db",
            "postgres://u@h:5432/d",
            "d",
            true,
            "disable",
        ),
        (
            "postgres://u@h/d?password=s3cr3t&sslmode=require",
            "postgres://u@h:5432/d",
            "d",
            false,
            "require",
        ),
        (
            "postgres://u%40x:s3cr3t%2F%3F%40%25@h/d%2Fe",
            "postgres://u%40x@h:5432/d%2Fe",
            "d/e",
            false,
            "prefer",
        ),
        (
            "postgres://u@[::1]:6543/d",
            "postgres://u@[::1]:6543/d",
            "d",
            false,
            "prefer",
        ),
        (
            "postgres://u@a,b:6/d",
            "postgres://u@a:5432,b:6/d",
            "d",
            false,
            "prefer",
        ),
        (
            "postgres:///d?host=/run/postgresql",
            "postgres:///d?host=/run/postgresql&port=5432",
            "d",
            false,
            "prefer",
        ),
        (
            "postgres://u@%2Frun%2Fpostgresql/d",
            "postgres://u@/d?host=/run/postgresql&port=5432",
            "d",
            false,
            "prefer",
        ),
        (
            "postgres://u@/d?host=/run/pg&port=6&sslmode=require",
            "postgres://u@/d?host=/run/pg&port=6",
            "d",
            false,
            "require",
        ),
        (
            "postgres://u@/d?hostaddr=127.0.0.1",
            "postgres://u@127.0.0.1:5432/d",
            "d",
            false,
            "prefer",
        ),
    ];
    for (url, place, database, pooled, mode) in cases {
        let config = PostgresConfig::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(config.place(), place, "{url}");
        assert_eq!(config.database(), database, "{url}");
        assert_eq!(config.pooled(), pooled, "{url}");
        let debug = format!("{config:?}");
        assert!(debug.contains(&format!("tls: {mode},")), "{url}: {debug}");
        assert!(!debug.contains(SECRET), "{url}: {debug}");
        let again = PostgresConfig::parse(config.place()).unwrap();
        assert_eq!(again.place(), place, "a place is a URL");
    }
}

#[test]
fn a_bad_url_is_refused_and_its_password_not_told() {
    let cases = [
        ("", "must begin with `postgres://`"),
        (
            "host=h user=u password=s3cr3t",
            "must begin with `postgres://`",
        ),
        ("mysql://u:s3cr3t@h/d", "must begin with `postgres://`"),
        ("postgres://u:x@s3cr3t@h/d", "more than one `@`"),
        ("postgres://u:x@h/s3cr3t@h/d", "more than one `@`"),
        ("postgres://u:x?s3cr3t@h/d", "`%3F`"),
        ("postgres://u:x/s3cr3t@h/d", "`%2F`"),
        ("postgres://u:s3cr3t", "`port`"),
        ("postgres://u:s3cr3t/d", "`port`"),
        ("postgres://u:s3cr3t@h:port/d", "`port`"),
        ("postgres://u:s3cr3t@h:65536/d", "`port`"),
        ("postgres://u:s3cr3t@/d", "names no host"),
        ("postgres://:s3cr3t@h/d", "user is empty"),
        ("postgres://", "names no database"),
        ("postgres://u:s3cr3t@h/d?pooler", "has no `=`"),
        ("postgres://u@h/d?password=x&s3cr3t", "has no `=`"),
        (
            "postgres://u:s3cr3t@h/d?pooler=session",
            "`pooler` is `session`",
        ),
        ("postgres://u:s3cr3t@h/d?hosts=1", "unknown option `hosts`"),
        (
            "postgres://u:s3cr3t@h/d?connect_timeout=x",
            "`connect_timeout`",
        ),
        (
            "postgres://u:s3cr3t@h/d?sslmode=allow",
            "`sslmode` is `allow`, must be one of",
        ),
        (
            "postgres://u:s3cr3t@h/d?sslmode=verify-ca",
            "write `sslrootcert=PATH`",
        ),
        (
            "postgres://u:s3cr3t@h/d?sslmode=verify-ca&sslrootcert=system",
            "write `sslmode=verify-full`",
        ),
        (
            "postgres://u:s3cr3t@h/d?sslmode=require&sslrootcert=system",
            "write `sslmode=verify-full`",
        ),
        (
            "postgres://u:s3cr3t@h/d?sslrootcert=/ca.pem",
            "write `sslmode=verify-full`",
        ),
        (
            "postgres://u:s3cr3t@h/d?sslmode=require&sslrootcert=/no%20file",
            "`/no file`: No such file",
        ),
        (
            "postgres://u:s3cr3t@h/d?sslmode=%FF",
            "`sslmode` is not UTF-8",
        ),
        ("postgres://u:s3cr3t@h/d%00", "zero byte"),
        ("postgres://u:s3cr3t@a,b,c:1,2/d?port=1", "ports for"),
        (
            "postgres://u:s3cr3t@a,b/d?hostaddr=127.0.0.1",
            "1 `hostaddr` for 2 hosts",
        ),
    ];
    for (url, said) in cases {
        let fault = fault(url);
        assert!(fault.contains(said), "{url}: {fault}");
        assert!(!fault.contains(SECRET), "{url}: {fault}");
    }
}

#[test]
fn parts_are_taken_as_they_are() {
    let cases = [
        ("h", "postgres://a%40b@h:5432/d%3F"),
        ("h:6543", "postgres://a%40b@h:6543/d%3F"),
        ("::1", "postgres://a%40b@[::1]:5432/d%3F"),
        ("[::1]:6543", "postgres://a%40b@[::1]:6543/d%3F"),
        ("127.0.0.1:6543", "postgres://a%40b@127.0.0.1:6543/d%3F"),
        ("/run/pg", "postgres://a%40b@/d%3F?host=/run/pg&port=5432"),
    ];
    for (host, place) in cases {
        let config = PostgresConfig::from_parts(host, "d?", "a@b", Some("p@/?#%"));
        let config = config.unwrap_or_else(|error| panic!("{host}: {error}"));
        assert_eq!(config.place(), place);
        assert_eq!(
            config.config_for_tests().get_password(),
            Some("p@/?#%".as_bytes())
        );
    }
}

#[test]
fn bad_parts_are_refused_by_name() {
    let cases = [
        (("", "d", "u"), "host is empty"),
        (("h", "", "u"), "name (the schema) is empty"),
        (("h", "d", ""), "user is empty"),
        (("postgres://u:s3cr3t@h", "d", "u"), "not a URL"),
        (("u:s3cr3t@h", "d", "u"), "not a URL"),
        (("h:x", "d", "u"), "the port of the database's host `h:x`"),
        (("h:0", "d", "u"), "from 1 to 65535"),
        (("a b", "d", "u"), "the database's host is `a b`"),
        ((":5432", "d", "u"), "the database's host is `:5432`"),
        (("[::1]x:1", "d", "u"), "the database's host is `[::1]x:1`"),
        (("h", "d\0", "u"), "zero byte"),
    ];
    for ((host, database, user), said) in cases {
        let error = PostgresConfig::from_parts(host, database, user, Some(SECRET)).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(said), "{host}: {error}");
        assert!(!error.contains(SECRET), "{host}: {error}");
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let seconds = Duration::from_secs;
    let config = PostgresConfig::parse("postgres://u@h/d").unwrap();
    let config = config.config_for_tests();
    assert_eq!(config.get_connect_timeout(), Some(&seconds(5)));
    assert_eq!(config.get_tcp_user_timeout(), Some(&seconds(15)));
    assert_eq!(config.get_keepalives_idle(), seconds(15));
    assert_eq!(config.get_keepalives_interval(), Some(seconds(5)));
    assert_eq!(config.get_keepalives_retries(), Some(3));
    assert_eq!(config.get_application_name(), Some("mlp"));

    let url = "postgres://u@h/d?connect_timeout=1&tcp_user_timeout=2&keepalives_idle=3\
        &keepalives_interval=4&keepalives_retries=6&application_name=a%20b";
    let config = PostgresConfig::parse(url).unwrap();
    let config = config.config_for_tests();
    assert_eq!(config.get_connect_timeout(), Some(&seconds(1)));
    assert_eq!(config.get_tcp_user_timeout(), Some(&seconds(2)));
    assert_eq!(config.get_keepalives_idle(), seconds(3));
    assert_eq!(config.get_keepalives_interval(), Some(seconds(4)));
    assert_eq!(config.get_keepalives_retries(), Some(6));
    assert_eq!(config.get_application_name(), Some("a b"));
}

#[test]
fn another_database_is_on_the_same_server() {
    let url = "postgres://u:s3cr3t@h:6/d?pooler=transaction&sslmode=require";
    let other = PostgresConfig::parse(url).unwrap().with_database("e");
    assert_eq!(
        (other.place(), other.database()),
        ("postgres://u@h:6/e", "e")
    );
    assert!(other.pooled());
    assert_eq!(other.config_for_tests().get_dbname(), Some("e"));
    assert_eq!(
        other.config_for_tests().get_password(),
        Some(SECRET.as_bytes())
    );
    let other = other.password("new");
    assert_eq!(
        other.config_for_tests().get_password(),
        Some("new".as_bytes())
    );
}
