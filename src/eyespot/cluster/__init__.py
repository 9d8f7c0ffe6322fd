"""The same line on many machines: Ray distributes, retries and shuffles; nothing here does."""
