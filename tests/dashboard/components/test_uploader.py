from dashboard.components.uploader import distinct


def test_a_second_file_of_one_name_gets_a_number():
    assert distinct(["a.png", "b.png", "a.png", "a.png"]) == ["a.png", "b.png", "a.png (2)", "a.png (3)"]
