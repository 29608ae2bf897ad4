"""Two-sample tests that judge a window of traffic; an alarm needs significance *and* an effect."""
