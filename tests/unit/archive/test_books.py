from skryba.archive.books import DeliveryBook, Location, UploadBook
from skryba.archive.delivery_book import Deliveries
from skryba.archive.upload_book import Uploads


def test_the_database_keeps_both_books() -> None:
    """The assignments are what is tested, by the type checker; here that no method was added to one side only."""
    uploads: type[UploadBook] = Uploads
    deliveries: type[DeliveryBook] = Deliveries
    for book, kept in ((UploadBook, uploads), (DeliveryBook, deliveries)):
        wanted = {name for name in vars(book) if not name.startswith("_")}
        assert wanted == {name for name in vars(kept) if not name.startswith("_")}


def test_places_are_words_of_the_catalogue() -> None:
    assert [place.value for place in Location] == ["local", "remote", "both", "gone"]
