"""What is watched: thresholds, recording rules and alerts, dashboards; ``rendered/`` is made from them."""
