from dashboard.charts import toolbar


def test_the_toolbar_has_zoom_pan_reset_and_download_only():
    config = toolbar("scores", "svg")
    assert config["displaylogo"] is False
    assert config["modeBarButtons"] == [["zoom2d", "pan2d", "resetScale2d", "toImage"]]
    assert config["toImageButtonOptions"]["format"] == "svg"
