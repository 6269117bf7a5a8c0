"""The specification of stedi_assets, as tests."""
