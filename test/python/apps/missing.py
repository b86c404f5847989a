import wanting.part
