-- Standing orders with suppliers whose receipts are in examples/receipts.jsonl, so that the demo finds its matches.
-- Some are too small or were signed with a sister company: those receipts go on with suggestions.

INSERT INTO purchase_orders (order_number, supplier, currency, purchase_limit, valid_from, valid_until) VALUES
    ('PO-1701', 'UNIHAKKA INTERNATIONAL SDN BHD',                   'MYR',   20.00, '2017-01-01', '2019-12-31'),
    ('PO-1702', 'GARDENIA BAKERIES (KL) SDN BHD',                   'MYR',  100.00, '2017-01-01', '2018-12-31'),
    ('PO-1703', 'SYARIKAT PERNIAGAAN GIN KEE',                      'MYR',  300.00, '2017-07-01', '2018-12-31'),
    ('PO-1704', 'SYARIKAT PERNIAGAAN GIN KEE',                      'MYR', 1500.00, '2018-01-01', '2018-12-31'),
    ('PO-1705', 'AEON CO. (M) BHD',                                 'MYR',  200.00, '2018-01-01', '2018-12-31'),
    ('PO-1706', 'RESTORAN WAN SHENG',                               'MYR',   15.00, '2018-01-01', '2018-12-31'),
    ('PO-1707', 'KEDAI PAPAN YEW CHUAN',                            'MYR',  150.00, '2018-01-01', '2018-12-31'),
    ('PO-1708', 'ONE ONE THREE SEAFOOD RESTAURANT SDN BHD',         'MYR',  100.00, '2018-01-01', '2018-12-31'),
    ('PO-1709', 'SANYU STATIONERY SHOP',                            'MYR',   50.00, '2017-01-01', '2018-12-31'),
    ('PO-1710', '99 SPEED MART S/B',                                'MYR',   50.00, '2016-01-01', '2018-12-31'),
    ('PO-1711', 'GERBANG ALAF RESTAURANTS SDN BHD',                 'MYR',   30.00, '2018-01-01', '2018-12-31'),
    ('PO-1712', 'POPULAR BOOK CO. (M) SDN BHD',                     'MYR',   80.00, '2018-01-01', '2018-12-31'),
    ('PO-1713', 'MR. D.I.Y. (M) SDN BHD',                           'MYR',  100.00, '2017-06-01', '2018-12-31'),
    ('PO-1714', 'MR. D.I.Y. (JOHOR) SDN BHD',                       'MYR',  100.00, '2016-01-01', '2018-12-31'),
    ('PO-1715', 'TEO HENG STATIONERY & BOOKS',                      'MYR',   40.00, '2018-01-01', '2018-12-31'),
    ('PO-1716', 'KING''S CONFECTIONERY S/B',                        'MYR',   30.00, '2017-01-01', '2018-12-31'),
    ('PO-1717', 'HOME MASTER HARDWARE & ELECTRICAL',                'MYR',  250.00, '2017-01-01', '2018-12-31'),
    ('PO-1718', 'PASIR EMAS HARDWARE SDN BHD',                      'MYR',   30.00, '2018-01-01', '2018-12-31'),
    ('PO-1719', 'ELKEN SERVICE SDN BHD',                            'MYR',  500.00, '2017-01-01', '2017-12-31'),
    ('PO-1720', 'VIVOPAC MARKETING SDN BHD',                        'MYR',   40.00, '2017-01-01', '2017-12-31'),
    ('PO-1721', 'BROADVIEW MARKETING SDN BHD',                      'MYR',   40.00, '2018-01-01', '2018-12-31'),
    ('PO-1722', 'GUARDIAN HEALTH AND BEAUTY SDN BHD',               'SGD',   60.00, '2018-01-01', '2018-12-31'),
    ('PO-1723', 'SEGI CASH & CARRY SDN BHD',                        'MYR',  150.00, '2017-01-01', '2018-12-31'),
    ('PO-1724', 'BEMED (SP) SDN BHD',                               'MYR', 1000.00, '2017-01-01', '2017-12-31');
