{{
    trailing_late_rates(
        flights=ref('stg_flight_delays__flights'),
        outcomes=ref('stg_flight_delays__outcomes'),
        identity=['time_hour', 'carrier', 'flight'],
        keys={
            'overall': {'columns': [], 'windows': [1, 7, 28]},
            'carrier': {'columns': ['carrier'], 'windows': [1, 7]},
            'origin': {'columns': ['origin'], 'windows': [1, 7]},
            'origin_hour': {'columns': ['origin', 'departure_hour'], 'windows': [7, 28]},
            'route': {'columns': ['origin', 'dest'], 'windows': [28]},
            'carrier_origin': {'columns': ['carrier', 'origin'], 'windows': [1, 28]},
            'same_flight': {'columns': ['carrier', 'flight'], 'windows': [28]},
        },
        prior_flights=20,
    )
}}
