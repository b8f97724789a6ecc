"""Operations: health and logs."""
