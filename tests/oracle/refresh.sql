CALL segment.refresh(batch => 5);
\sleep 20 ms
