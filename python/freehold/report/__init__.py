"""Cost, health and sovereignty as an owner looks at them: one list of panels for Grafana and for our own page.

::

    model     what a panel, a row and a view are
    panels/   the three views: which questions are put to Prometheus, in which unit, with which words
"""
