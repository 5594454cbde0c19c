document.body.append('and from its script');
