//! What a transport says of itself, asked at every scrape.

use std::fmt;
use std::sync::Arc;

use mlp_store::{Transport, TransportStatus};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::table::{
    Row, TRANSPORT_COLLECTED, TRANSPORT_CONNECTED, TRANSPORT_MIRRORED, TRANSPORT_POSTPONED,
    TRANSPORT_PUBLISHED, TRANSPORT_RECEIVED, TRANSPORT_RESENT, TRANSPORT_UNMIRRORED,
};

/// Tells nothing where the transport has nothing to connect to.
pub(super) struct OfTransport(pub Arc<dyn Transport>);

impl fmt::Debug for OfTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (f.debug_tuple("OfTransport").field(&self.0.status())).finish()
    }
}

impl Collector for OfTransport {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(status) = self.0.status() else {
            return Ok(());
        };
        let mut connected = describe(&mut encoder, &TRANSPORT_CONNECTED)?;
        let TransportStatus {
            broker, results, ..
        } = status;
        for (to, is_connected) in [("broker", broker), ("results", results)] {
            let gauge = ConstGauge::new(i64::from(is_connected));
            gauge.encode(connected.encode_family(&[("to", to)])?)?;
        }
        for (row, count) in counters(&status) {
            ConstCounter::new(count).encode(describe(&mut encoder, row)?)?;
        }
        Ok(())
    }
}

fn counters(status: &TransportStatus) -> [(&'static Row, u64); 7] {
    [
        (&TRANSPORT_PUBLISHED, status.published),
        (&TRANSPORT_POSTPONED, status.postponed),
        (&TRANSPORT_RESENT, status.resent),
        (&TRANSPORT_RECEIVED, status.received),
        (&TRANSPORT_MIRRORED, status.mirrored),
        (&TRANSPORT_UNMIRRORED, status.unmirrored),
        (&TRANSPORT_COLLECTED, status.collected),
    ]
}

fn describe<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    row: &'static Row,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    encoder.encode_descriptor(row.name, row.help, None, row.kind)
}
