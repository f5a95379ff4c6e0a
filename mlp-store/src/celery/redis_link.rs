//! A connection to Redis that is made when it is needed.

use std::time::Duration;

use redis::{Client, Connection, RedisResult};

/// How long anything may take: a server that hangs is as one that is away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where results are, connected or not.
pub(super) struct Results {
    client: Client,
    connection: Option<Connection>,
}

impl Results {
    pub fn new(client: Client) -> Self {
        Self {
            client,
            connection: None,
        }
    }

    /// Does something over the connection; after a failure the next call makes a new one.
    pub fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let connection = self.client.get_connection_with_timeout(PATIENCE)?;
                connection.set_read_timeout(Some(PATIENCE))?;
                connection.set_write_timeout(Some(PATIENCE))?;
                connection
            }
        };
        let done = work(&mut connection)?;
        self.connection = Some(connection);
        Ok(done)
    }
}
