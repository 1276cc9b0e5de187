"""The worker's face: takes jobs, keeps deadlines, delivers events, and tidies up."""
