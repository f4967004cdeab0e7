"""What an operator sees of the server: its log (``logs``) and its metrics (``metrics``, ``store_metrics``). Knows no
Streamlit."""
