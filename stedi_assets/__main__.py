"""The stedi command for where a file or a module is started: python -m stedi_assets, spark-submit."""

from stedi_assets.cli import main

if __name__ == "__main__":
    main()
