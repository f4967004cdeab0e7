"""The screen: Streamlit pages over nero_core."""
