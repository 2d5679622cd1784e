"""Levels of fullness, errors, and how long the disk will last."""

import errno

import pytest

from skryba.recorder.watermarks import DAY, UNSEEN, Disk, DiskState, Room, Watermarks

MIB = 1 << 20
TOTAL = 1000 * MIB


def judge(free: int, error: int | None = None, *, min_free: int = 20) -> Disk:
    failed = None if error is None else OSError(error, "as it said")
    return Watermarks(min_free * MIB).judge([Room(free * MIB, TOTAL)], failed, 0.0)


@pytest.mark.parametrize(
    ("free", "state", "level", "ready"),
    [
        (900, DiskState.OK, 0.0, True),
        (201, DiskState.OK, 0.0, True),
        (200, DiskState.LOW, 0.80, True),
        (100, DiskState.LOW, 0.90, True),
        (50, DiskState.LOW, 0.95, True),
        (20, DiskState.LOW, 0.95, True),
        (19, DiskState.FULL, 0.95, False),
        (0, DiskState.FULL, 0.95, False),
    ],
)
def test_levels(free: int, state: DiskState, level: float, ready: bool) -> None:
    disk = judge(free)
    assert (disk.state, disk.level, disk.ready, disk.free) == (state, level, ready, free * MIB)
    assert disk.used_ratio == pytest.approx(1 - free / 1000)
    assert bool(disk.why) == (state is not DiskState.OK)


def test_the_reserve_goes_before_the_percentage() -> None:
    disk = judge(500, min_free=600)
    assert (disk.state, disk.why) == (DiskState.FULL, "disk full: 500 MiB free, 600 MiB are the reserve")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_write_refused_for_lack_of_room_is_a_full_disk(code: int) -> None:
    assert judge(900, code).state is DiskState.FULL


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS, errno.ENOENT, errno.ENODEV])
def test_any_other_error_is_a_failed_disk(code: int) -> None:
    disk = judge(900, code)
    assert (disk.state, disk.ready, disk.why) == (DiskState.FAILED, False, "disk failed: as it said")
    unseen = Watermarks(0).judge([], OSError(code, "gone"), 0.0)
    assert (unseen.state, unseen.free, unseen.why) == (DiskState.FAILED, 0, "disk failed: gone")


def test_the_worse_of_two_disks_counts() -> None:
    disk = Watermarks(0).judge([Room(900 * MIB, TOTAL), Room(60 * MIB, 100 * MIB)], None, 0.0)
    assert (disk.free, disk.used_ratio) == (60 * MIB, 0.4)
    assert Watermarks(0).judge([Room(0, 0)], None, 0.0).used_ratio == 1.0


def test_days_left_follow_the_trend_of_a_day() -> None:
    marks = Watermarks(0)
    looks = [marks.judge([Room((900 - hour) * MIB, TOTAL)], None, hour * 3600.0) for hour in range(25)]
    assert looks[0].days_left is None
    assert looks[-1].days_left == pytest.approx((900 - 24) / 24, abs=0.01)
    later = [marks.judge([Room(876 * MIB, TOTAL)], None, DAY + hour * 3600.0) for hour in range(1, 150)]
    assert later[-1].days_left is None


def test_what_was_not_looked_at_is_not_ready() -> None:
    assert not UNSEEN.ready
