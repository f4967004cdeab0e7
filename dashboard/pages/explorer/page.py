"""Neuron explorer: all channels, all reference images, one channel in depth."""

import streamlit as st

from dashboard.components.image_at_hand import image_at_hand
from dashboard.components.sidebar import reference_set
from dashboard.pages.explorer.channel_field import channel_field
from dashboard.pages.explorer.channel_page import channel_page
from dashboard.pages.explorer.grid import explorer_grid
from dashboard.pages.explorer.image_map import explorer_map
from dashboard.pages.explorer.look import explorer_look
from dashboard.pages.explorer.two_images import two_images

st.title("Neuron explorer", anchor=False)
inspector = reference_set()
item = image_at_hand(inspector)
look = explorer_look()
if look == "channels":
    channel = channel_field(inspector, "Open channel")
    if channel is None:
        explorer_grid(inspector, item)
    else:
        channel_page(inspector, item, channel)
elif look == "image map":
    explorer_map(inspector, item)
else:
    two_images(inspector, item)
