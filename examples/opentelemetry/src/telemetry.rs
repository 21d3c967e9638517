//! Where spans and metrics go: to a collector, or into memory.

use std::{env, error::Error};

use metrics_opentelemetry::{OpenTelemetryMetrics, OpenTelemetryRecorder};
use opentelemetry::{metrics::MeterProvider, trace::TracerProvider};
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::{
    Resource,
    metrics::{InMemoryMetricExporter, SdkMeterProvider},
    trace::{InMemorySpanExporter, SdkTracerProvider},
};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::shown::Exported;

/// Seconds that a mint takes, 10 at most; and that a token has lived when WeChat rejects it, two hours at most.
const MINT: [f64; 9] = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0];
const AGE: [f64; 8] = [1.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0];

/// What collects spans and metrics.
pub struct Telemetry {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
    /// Where they are kept if they go to no collector.
    kept: Option<(InMemorySpanExporter, InMemoryMetricExporter)>,
}

impl Telemetry {
    /// Installs it for the whole process.
    pub fn start() -> Result<Self, Box<dyn Error + Send + Sync>> {
        let resource = Resource::builder().with_service_name("bot").build();
        let traces = SdkTracerProvider::builder().with_resource(resource.clone());
        let metrics = SdkMeterProvider::builder().with_resource(resource);
        let collector = env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").filter(|address| !address.is_empty());
        let telemetry = if collector.is_some() {
            // The variable has the address; others of OpenTelemetry's have headers and time-outs.
            let spans = SpanExporter::builder().with_http().build()?;
            let numbers = MetricExporter::builder().with_http().build()?;
            let traces = traces.with_batch_exporter(spans).build();
            Self { traces, metrics: metrics.with_periodic_exporter(numbers).build(), kept: None }
        } else {
            let (spans, numbers) = (InMemorySpanExporter::default(), InMemoryMetricExporter::default());
            let traces = traces.with_simple_exporter(spans.clone()).build();
            let metrics = metrics.with_periodic_exporter(numbers.clone()).build();
            Self { traces, metrics, kept: Some((spans, numbers)) }
        };
        telemetry.install()?;
        Ok(telemetry)
    }

    fn install(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        // What this program and the layer tell. The exporters' own HTTP client tells of itself, too, and would never come to an
        // end with it.
        let told = Targets::new()
            .with_target("tower_wechat", LevelFilter::TRACE)
            .with_target(env!("CARGO_CRATE_NAME"), LevelFilter::INFO);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(self.traces.tracer("bot"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        tracing_subscriber::registry().with(layer.with_filter(told)).try_init()?;

        // The bridge from the `metrics` facade: it keeps each instrument, with its unit and its meaning.
        let metrics = OpenTelemetryMetrics::new(self.metrics.meter("bot"));
        let mut recorder = OpenTelemetryRecorder::new(metrics);
        recorder.set_histogram_bounds_mut(["tower_wechat_mint_duration_seconds"].into_iter(), &MINT);
        recorder.set_histogram_bounds_mut(["tower_wechat_rejected_age_seconds"].into_iter(), &AGE);
        metrics::set_global_recorder(recorder)?;
        Ok(())
    }

    /// Sends what has not been sent yet, and says what was kept.
    pub fn finish(self) -> Result<Option<Exported>, Box<dyn Error + Send + Sync>> {
        self.traces.force_flush()?;
        self.metrics.force_flush()?;
        let exported = match &self.kept {
            Some((spans, metrics)) => {
                Some(Exported::new(spans.get_finished_spans()?, metrics.get_finished_metrics()?))
            }
            None => None,
        };
        self.traces.shutdown()?;
        self.metrics.shutdown()?;
        Ok(exported)
    }
}
