"""What Noisegate claims about speed, as commands. Every figure is a ratio measured in one run, or says its unit."""
