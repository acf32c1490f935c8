"""Tests of running installations; a package, so that its tests share one."""
