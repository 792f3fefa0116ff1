//! Panels of a Grafana dashboard, as its schema wants them.

use serde_json::{Value, json};

/// The width of the dashboard, in its own unit.
const COLUMNS: u32 = 24;

/// How values are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drawing {
    /// Lines over time.
    Lines,
    /// Stretches of the same state, by value: text and colour.
    States(&'static [(u8, &'static str, &'static str)]),
    /// The newest value of each series, in large.
    Figures,
}

/// One panel.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) about: String,
    pub(crate) query: String,
    pub(crate) legend: String,
    /// As Grafana names units.
    pub(crate) unit: &'static str,
    pub(crate) drawing: Drawing,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Where the next panel goes.
#[derive(Default)]
pub(crate) struct Grid {
    panels: Vec<Value>,
    x: u32,
    y: u32,
    row_height: u32,
}

impl Grid {
    /// A heading.
    pub(crate) fn row(&mut self, title: &str) {
        self.wrap();
        let id = self.panels.len() + 1;
        self.panels.push(json!({
            "type": "row", "id": id, "title": title, "collapsed": false, "panels": [],
            "gridPos": {"x": 0, "y": self.y, "w": COLUMNS, "h": 1},
        }));
        self.y += 1;
    }

    /// A panel right of the last one, or below where there is no room.
    pub(crate) fn add(&mut self, panel: &Panel) {
        if self.x + panel.width > COLUMNS {
            self.wrap();
        }
        let place = json!({"x": self.x, "y": self.y, "w": panel.width, "h": panel.height});
        self.panels.push(panel.json(self.panels.len() + 1, &place));
        self.x += panel.width;
        self.row_height = self.row_height.max(panel.height);
    }

    pub(crate) fn finish(self) -> Vec<Value> {
        self.panels
    }

    fn wrap(&mut self) {
        self.y += self.row_height;
        (self.x, self.row_height) = (0, 0);
    }
}

impl Panel {
    fn json(&self, id: usize, place: &Value) -> Value {
        let datasource = json!({"type": "prometheus", "uid": "${datasource}"});
        let legend = json!({"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": []});
        let tooltip = json!({"mode": "multi", "sort": "desc"});
        let (kind, options, custom) = match self.drawing {
            Drawing::Lines => (
                "timeseries",
                json!({"legend": legend, "tooltip": tooltip}),
                json!({"lineInterpolation": "stepAfter", "fillOpacity": 5, "showPoints": "never"}),
            ),
            Drawing::States(_) => (
                "state-timeline",
                json!({"legend": legend, "tooltip": tooltip, "rowHeight": 0.8, "showValue": "auto", "mergeValues": true}),
                json!({"fillOpacity": 70}),
            ),
            Drawing::Figures => (
                "stat",
                json!({
                    "colorMode": "none", "graphMode": "none", "justifyMode": "auto", "orientation": "auto", "textMode": "value_and_name",
                    "percentChangeColorMode": "standard", "showPercentChange": false, "wideLayout": true,
                    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
                }),
                json!({}),
            ),
        };
        json!({
            "type": kind, "id": id, "title": self.title, "description": self.about, "gridPos": place, "datasource": datasource,
            "targets": [{"refId": "A", "datasource": datasource, "expr": self.query, "legendFormat": self.legend}],
            "options": options,
            "fieldConfig": {
                "defaults": {"unit": self.unit, "noValue": "none", "mappings": self.mappings(), "custom": custom},
                "overrides": [],
            },
        })
    }

    fn mappings(&self) -> Value {
        let Drawing::States(states) = self.drawing else { return json!([]) };
        let named = states.iter().enumerate().map(|(index, (value, text, color))| {
            (value.to_string(), json!({"text": text, "color": color, "index": index}))
        });
        json!([{"type": "value", "options": named.collect::<serde_json::Map<_, _>>()}])
    }
}
