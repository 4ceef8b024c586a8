"""The test case of Vaurien's announcement: it starts the proxy, controls it and stops it.

Run it with MySQL or MariaDB on port 8888, the default backend of start_proxy:

    python3 -m unittest examples/test_announcement.py
"""
import unittest

import pymysql

from vaurien import Client, start_proxy, stop_proxy


def application():
    with pymysql.connect(host='127.0.0.1', port=8000, user='app', password='secret', connect_timeout=2, read_timeout=2) as db:
        with db.cursor() as cursor:
            cursor.execute('SELECT 6 * 7')
            return cursor.fetchone()


class MyTest(unittest.TestCase):

    def setUp(self):
        self.proxy_pid = start_proxy(port=8080)

    def tearDown(self):
        stop_proxy(self.proxy_pid)

    def test_one(self):
        client = Client()
        options = {'inject': True}

        with client.with_behavior('error', **options):
            # do something...
            self.assertRaises(Exception, application)

        # we're back to normal here
        self.assertEqual(application(), (42,))


if __name__ == '__main__':
    unittest.main()
