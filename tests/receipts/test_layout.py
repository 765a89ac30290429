from rooms.agents.receipts.layout import rows_of


def box(x, y, text, w=None, h=20):
    return {"x": x, "y": y, "w": w or 10 * len(text), "h": h, "text": text}


def texts(lines):
    return [row.text for row in rows_of(lines)]


def test_boxes_on_one_baseline_become_a_row_from_left_to_right():
    assert texts([box(300, 102, "7.60"), box(10, 100, "TOTAL"), box(10, 130, "CASH"), box(300, 128, "10.00")]) == [
        "TOTAL 7.60",
        "CASH 10.00",
    ]


def test_a_page_that_lay_askew_keeps_its_amounts_beside_their_words(by_id):
    straight = by_id["sroie-464"]["lines"]
    askew = [dict(line, y=line["y"] - 0.06 * (line["x"] + line["w"] / 2)) for line in straight]
    assert texts(askew) == texts(straight)


def test_a_tall_box_does_not_swallow_the_rows_beside_it():
    rows = texts([box(10, 100, "A", h=20), box(10, 124, "B", h=20), box(200, 95, "LOGO", h=60)])
    assert "A" in rows or "A LOGO" in rows
    assert not any("A" in row and "B" in row for row in rows)


def test_boxes_that_make_no_sense_are_left_out():
    nonsense = [
        None,
        7,
        "TOTAL",
        {},
        {"text": "no place"},
        {"x": float("nan"), "y": 1, "w": 1, "h": 1, "text": "nan"},
        {"x": 1, "y": float("inf"), "w": 1, "h": 1, "text": "inf"},
        {"x": 1, "y": 10**400, "w": 1, "h": 1, "text": "huge"},
        {"x": True, "y": 1, "w": 1, "h": 1, "text": "bool"},
        {"x": 1, "y": 1, "w": 1, "h": 1, "text": "   "},
        {"x": 1, "y": 1, "w": 1, "h": 1, "text": None},
    ]
    assert rows_of(nonsense) == ()
    assert rows_of([]) == ()
    assert rows_of(None) == ()


def test_a_box_with_negative_size_is_read_from_its_other_corner():
    (row,) = rows_of([{"x": 100, "y": 50, "w": -40, "h": -20, "text": "TOTAL"}])
    assert (row.boxes[0].x, row.boxes[0].y, row.boxes[0].w, row.boxes[0].h) == (60, 30, 40, 20)
