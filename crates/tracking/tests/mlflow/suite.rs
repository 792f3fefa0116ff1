//! One suite on the store's registry alone and on the store with MLflow: both must tell the same.

use std::collections::BTreeMap;

use faultline_testkit::servers::MlflowServer;

use crate::rest::{Rest, tag};
use crate::story::Story;

/// Runs a test on the store alone, and with a server that mirrors it.
macro_rules! on_both {
    ($($name:ident)+) => {$(
        mod $name {
            #[tokio::test]
            async fn store() {
                super::$name(super::Tracked::new(None).await).await;
            }

            #[tokio::test]
            async fn mlflow() {
                let Some(server) = faultline_testkit::servers::MlflowServer::start() else { return };
                super::$name(super::Tracked::new(Some(&server)).await).await;
            }
        }
    )+};
}
on_both!(
    versions_are_told_in_their_order
    the_champion_is_the_last_one_promoted
    a_rollback_moves_the_champion_back
);

/// A registry, and how it is looked at.
struct Tracked {
    story: Story,
    rest: Option<Rest>,
}

/// What there is: versions with their runs, and the aliases.
#[derive(Debug, PartialEq)]
struct View {
    versions: Vec<(String, String)>,
    aliases: BTreeMap<String, String>,
}

impl Tracked {
    async fn new(server: Option<&MlflowServer>) -> Self {
        Self { story: Story::new().await, rest: server.map(Rest::of) }
    }

    /// A run makes a version, and its report brings the mirror up to it.
    async fn train(&self, run: &str) -> u64 {
        let version = self.story.trained(run).await;
        self.mirror(Some(run)).await;
        version
    }

    async fn mirror(&self, run: Option<&str>) {
        if let Some(rest) = &self.rest {
            self.story.reconcile(&rest.uri, run).await.unwrap();
        }
    }

    async fn view(&self) -> View {
        if let Some(rest) = &self.rest {
            let told =
                |version| (tag(version, "faultline.version").unwrap(), tag(version, "faultline.run_id").unwrap());
            return View { versions: rest.versions().await.iter().map(told).collect(), aliases: rest.aliases().await };
        }
        let registry = &self.story.registry;
        let mut versions = registry.versions().await.unwrap();
        versions.retain(|version| version.bundle_sha256.is_some());
        let champion = registry.champion().await.unwrap().map(|champion| champion.entry.version);
        let newest = versions.last().map(|version| version.version).filter(|newest| Some(*newest) > champion);
        let aliases = [("champion", champion), ("challenger", newest)];
        View {
            versions: versions.iter().map(|known| (known.version.to_string(), known.run_id.to_string())).collect(),
            aliases: aliases
                .iter()
                .filter_map(|(alias, version)| Some(((*alias).to_owned(), (*version)?.to_string())))
                .collect(),
        }
    }

    async fn aliases(&self) -> Vec<(String, String)> {
        self.view().await.aliases.into_iter().collect()
    }
}

fn aliases(told: &[(&str, &str)]) -> Vec<(String, String)> {
    told.iter().map(|(alias, version)| ((*alias).to_owned(), (*version).to_owned())).collect()
}

async fn versions_are_told_in_their_order(tracked: Tracked) {
    tracked.story.trained("one").await;
    // A number that was taken and never filled.
    tracked.story.registry.claim(&crate::story::id("gone"), "2026-01-01T00:00:00Z").await.unwrap();
    tracked.train("three").await;
    let view = tracked.view().await;
    let versions = [("1", "one"), ("3", "three")].map(|(version, run)| (version.to_owned(), run.to_owned()));
    assert_eq!(view.versions, versions);
    assert_eq!(tracked.aliases().await, aliases(&[("challenger", "3")]));
}

async fn the_champion_is_the_last_one_promoted(tracked: Tracked) {
    for run in ["one", "two"] {
        let version = tracked.story.trained(run).await;
        tracked.story.promote(run, version).await;
        tracked.mirror(Some(run)).await;
        assert_eq!(tracked.aliases().await, aliases(&[("champion", &version.to_string())]));
    }
    tracked.train("held").await;
    assert_eq!(tracked.aliases().await, aliases(&[("challenger", "3"), ("champion", "2")]));
}

async fn a_rollback_moves_the_champion_back(tracked: Tracked) {
    for run in ["one", "two"] {
        let version = tracked.train(run).await;
        tracked.story.promote(run, version).await;
    }
    tracked.mirror(None).await;
    assert_eq!(tracked.aliases().await, aliases(&[("champion", "2")]));
    tracked.story.rollback().await;
    tracked.mirror(None).await;
    assert_eq!(tracked.aliases().await, aliases(&[("challenger", "2"), ("champion", "1")]));
}
